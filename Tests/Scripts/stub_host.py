"""A host that says goodbye to everybody: stub_host.py WORD...

Each connection takes the next word, and the last one stands for all that follow: a code is that of
a goodbye after the client was let in, a reason with a full stop is why it is not, and `cut` is a
connection that ends amid what the client has missed. It prints its port, and then a line for each
connection.
"""

import json
import socket
import sys

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
words = sys.argv[1:]
while True:
    connection, _ = listener.accept()
    print("connection", flush=True)
    lines = connection.makefile("rw", encoding="utf-8")

    def say(**packet):
        lines.write(json.dumps(packet) + "\n")
        lines.flush()

    say(type="hello", secure=False, version=2, room="00112233445566778899aabbccddeeff")
    lines.readline()
    word = words.pop(0) if len(words) > 1 else words[0]
    if word.endswith("."):
        say(type="auth_result", ok=False, reason=word)
    elif word == "cut":
        say(type="auth_result", ok=True, client_name="alice", id=5, total=1, token="t")
        say(type="chat", **{"from": "bob"}, text="missed", id=1, time=0)
    else:
        say(type="auth_result", ok=True, client_name="alice", id=0, total=1, token="t")
        say(type="bye", code=word, reason="The reason.")
    connection.close()
