/// A shell that completes netchat's command line, by a script made from the table.
enum CompletionShell: String, CaseIterable, Sendable {
  case bash, zsh, fish

  var script: String {
    let text =
      switch self {
      case .bash: BashCompletion.script
      case .zsh: ZshCompletion.script
      case .fish: FishCompletion.script
      }
    return text + "\n"
  }

  /// The name that the shell looks for in its own folder of completions.
  var fileName: String {
    switch self {
    case .bash: "netchat.bash"
    case .zsh: "_netchat"
    case .fish: "netchat.fish"
    }
  }
}

/// What is offered where a value stands.
enum CompletedValue: Equatable {
  case files
  case words([String])
  /// Hosts that the client remembers, with their ports or without.
  case knownHosts(withPort: Bool)
  /// Whatever it is, nobody can guess it: nothing is offered, above all no files.
  case nothing

  init(_ kind: ValueKind) {
    self =
      switch kind {
      case .file: .files
      case .choice(let choices): .words(choices)
      case .command: .words(CommandTable.commands.map(\.name))
      case .topic: .words(CommandTable.topics)
      case .host: .knownHosts(withPort: false)
      case .ownAddress: .words(["127.0.0.1", "::1", "localhost"])
      case .endpoint: .knownHosts(withPort: true)
      case .port, .seconds, .count, .ownEndpoint, .permissions, .certifiedName, .text, .secret,
        .name:
        .nothing
      }
  }
}
