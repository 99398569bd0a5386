print("netchat")
