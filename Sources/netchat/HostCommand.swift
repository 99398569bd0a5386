/// Runs `netchat host`; returns the exit status.
func runHost(_ arguments: HostArguments) -> Int32 {
  print(arguments)
  return ExitStatus.success.rawValue
}
