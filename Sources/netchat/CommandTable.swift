// The one table of commands and options. The parser, help, shell completions and manual pages
// are made from it, so that every fact about an option stands here, once.

enum CommandTable {
  static let help = Option("help", short: "h", help: "show help and exit")
  static let version = Option("version", help: "show the version and exit")

  /// Understood by the program itself and by every command.
  static let commonOptions = [help, version]

  static let commands = [host, clint, gencert, selftest, completions, helpCommand]

  /// What `netchat help` explains.
  static let topics = commands.map(\.name) + ["systemd"]

  static func command(named name: String) -> Command? { commands.first { $0.name == name } }

  static let completions = Command(
    name: "completions",
    summary: "print a shell's completion of this program",
    operands: [
      Operand(
        name: "SHELL", kind: .choice(CompletionShell.allCases.map(\.rawValue)),
        help: "bash, zsh or fish")
    ],
    ownOptions: [],
    exclusions: [],
    requirements: [],
    notes: [
      "The package and README's lines for installing put these files where the shells look for "
        + "them. For one bash alone: source <(netchat completions bash)."
    ],
    examples: [
      Example(
        commandLine: "netchat completions fish >~/.config/fish/completions/netchat.fish",
        meaning: "for your own fish")
    ],
    invocation: { arguments throws(UsageError) in
      guard let shell = arguments.operands.first.flatMap({ CompletionShell(rawValue: $0.text) })
      else {
        throw UsageError(
          "completions needs the name of a shell", hint: "netchat completions bash, zsh or fish")
      }
      return .completions(shell)
    })

  static let helpCommand = Command(
    name: "help",
    summary: "explain a command, or print a unit file for systemd",
    operands: [
      Operand(name: "TOPIC", kind: .topic, help: "the command to explain, or systemd")
    ],
    ownOptions: [],
    exclusions: [],
    requirements: [],
    notes: [],
    examples: [],
    invocation: { arguments throws(UsageError) in
      if arguments.operands.first?.text == "systemd" { return .systemdUnit }
      return .help(arguments.operands.first.flatMap { CommandTable.command(named: $0.text) })
    })
}

/// Options that several commands have, alike.
enum SharedOption {
  static let password = Option(
    "password", "TEXT", .secret,
    help:
      "the room's password; blanked in the list of processes at once, but it may have been seen "
      + "before, and stays in the shell's history")
  static let passwordFile = Option(
    "password-file", "FILE", .file,
    help: "read the room's password from this file's first line")
  static let noSaveHistory = Option(
    "no-save-history",
    help: "do not keep what is typed at the prompt for the next time")
}
