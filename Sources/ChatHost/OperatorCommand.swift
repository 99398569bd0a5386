import Terminal

/// What a line typed at a host asks for.
package enum OperatorCommand: Equatable, Sendable {
  case say(String)
  case who
  case kick(name: String, reason: String)
  /// A name, an address, or an address with bits.
  case ban(String)
  case unban(String)
  case bans
  case limits
  case stats
  case help
  case quit

  /// The commands, in help's order.
  package static let table = SlashCommands([
    SlashCommands.Entry(
      word: "who", operands: "", operand: .none,
      help: "list the members: from where, since when, how far behind, how they speak"),
    SlashCommands.Entry(
      word: "kick", operands: "NAME [REASON]", operand: .name, help: "put a member out"),
    SlashCommands.Entry(
      word: "ban", operands: "NAME|ADDRESS[/BITS]", operand: .name,
      help: "let nobody in from there any more; a member of that name is put out"),
    SlashCommands.Entry(
      word: "unban", operands: "ADDRESS[/BITS]", operand: .text,
      help: "let them in again; as /bans writes it"),
    SlashCommands.Entry(word: "bans", operands: "", operand: .none, help: "list the bans"),
    SlashCommands.Entry(
      word: "limits", operands: "", operand: .none, help: "show the bounds that hold here"),
    SlashCommands.Entry(
      word: "stats", operands: "", operand: .none, help: "show how the host is doing"),
    SlashCommands.Entry(word: "help", operands: "", operand: .none, help: "show this"),
    SlashCommands.Entry(word: "quit", operands: "", operand: .none, help: "close the room"),
  ])

  /// Reads a line.
  /// - Parameter names: the members', for names with blanks in them.
  package init(_ line: String, names: [String]) throws(SlashCommands.Failure) {
    switch try Self.table.read(line) {
    case .say(let text): self = .say(text)
    case .command(let entry, let operand): try self.init(entry, operand, names)
    }
  }

  private init(
    _ entry: SlashCommands.Entry, _ operand: String, _ names: [String]
  ) throws(SlashCommands.Failure) {
    // An operator's slip must not do something else than was meant.
    if entry.operands.isEmpty, !operand.isEmpty { throw .usage(entry.usage) }
    switch entry.word {
    case "who": self = .who
    case "kick":
      let (name, reason) = SlashCommands.split(operand, names)
      self = .kick(name: name, reason: reason)
    case "ban": self = .ban(operand)
    case "unban": self = .unban(operand)
    case "bans": self = .bans
    case "limits": self = .limits
    case "stats": self = .stats
    case "quit": self = .quit
    default: self = .help
    }
  }
}
