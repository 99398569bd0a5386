import Glibc
import OpenSSL
import Sockets

/// Does what the arguments ask for; returns the exit status.
func run(_ arguments: [String], password: Secret?) -> Int32 {
  guard !arguments.isEmpty else {
    Diagnostics.write(HelpText.shortUsage, to: STDERR_FILENO)
    return ExitStatus.usage.rawValue
  }
  do throws(UsageError) {
    switch try ArgumentParser.parse(arguments, password: password) {
    case .help(let command): return show(HelpText.text(for: command))
    case .version: return show("netchat \(version)\n")
    case .host(let arguments): return runHost(arguments)
    case .clint(let arguments): return runClint(arguments)
    case .gencert(let arguments): return runGencert(arguments)
    case .selftest(let arguments): return runSelftest(arguments)
    case .completions(let shell): return show(shell.script)
    case .systemdUnit: return show(SystemdUnit.text)
    }
  } catch {
    Diagnostics.report(error)
    return ExitStatus.usage.rawValue
  }
}

/// Writes to standard output, and fails where that cannot take it.
func show(_ text: String) -> Int32 {
  guard Diagnostics.write(text, to: STDOUT_FILENO) else {
    Diagnostics.report("cannot write to standard output")
    return ExitStatus.failure.rawValue
  }
  return ExitStatus.success.rawValue
}

/// The value of `--password`, taken out of the command line.
func takePassword() -> Secret? {
  guard var bytes = ProcessSecrets.takeArgument(of: "--\(SharedOption.password.name)") else {
    return nil
  }
  return Secret(wiping: &bytes)
}

Machine.occupyStandardStreams()
// Before all else: what reads `CommandLine.arguments` has a copy.
let password = takePassword()
exit(run(Array(CommandLine.arguments.dropFirst()), password: password))
