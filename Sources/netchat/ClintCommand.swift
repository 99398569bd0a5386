/// Runs `netchat clint`; returns the exit status.
func runClint(_ arguments: ClintArguments) -> Int32 {
  print(arguments)
  return ExitStatus.success.rawValue
}
