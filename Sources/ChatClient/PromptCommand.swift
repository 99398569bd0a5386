import Terminal

/// What a line typed at the prompt asks for.
package enum PromptCommand: Equatable, Sendable {
  case say(String)
  case nick(String)
  case who
  case message(to: String, String)
  /// To whoever wrote privately last.
  case reply(String)
  case action(String)
  /// nil asks who is ignored.
  case ignore(String?)
  case clear
  case save(path: String)
  /// nil asks when it rings.
  case bell(PromptSettings.Bell?)
  case help
  case quit

  // MARK: The table

  /// The commands, in help's order.
  package static let table = SlashCommands([
    SlashCommands.Entry(
      word: "nick", operands: "NAME", operand: .text, help: "take another name"),
    SlashCommands.Entry(word: "who", operands: "", operand: .none, help: "list the members"),
    SlashCommands.Entry(
      word: "msg", operands: "NAME TEXT", operand: .name, help: "say something to one member only"),
    SlashCommands.Entry(
      word: "r", operands: "TEXT", operand: .text,
      help: "answer whoever wrote to you alone last"),
    SlashCommands.Entry(word: "me", operands: "TEXT", operand: .text, help: "say '* TEXT'"),
    SlashCommands.Entry(
      word: "ignore", operands: "[NAME]", operand: .name,
      help: "show no more of what somebody says, or show it again; alone: list them"),
    SlashCommands.Entry(word: "clear", operands: "", operand: .none, help: "clear the screen"),
    SlashCommands.Entry(
      word: "save", operands: "FILE", operand: .file,
      help: "write what was shown so far to a new file"),
    SlashCommands.Entry(
      word: "bell", operands: "[off|mention|private|all]",
      operand: .choice(PromptSettings.Bell.allCases.map(\.rawValue)),
      help: "ring for nothing, your name, private messages, everything"),
    SlashCommands.Entry(word: "help", operands: "", operand: .none, help: "show this"),
    SlashCommands.Entry(word: "quit", operands: "", operand: .none, help: "leave; so does Ctrl-D"),
  ])

  // MARK: Reading

  /// Reads a line.
  /// - Parameter names: who may be meant, for names with blanks in them.
  package init(_ line: String, names: [String]) throws(SlashCommands.Failure) {
    switch try Self.table.read(line) {
    case .say(let text): self = .say(text)
    case .command(let entry, let operand): try self.init(entry, operand, names)
    }
  }

  private init(
    _ entry: SlashCommands.Entry, _ operand: String, _ names: [String]
  ) throws(SlashCommands.Failure) {
    switch entry.word {
    case "nick": self = .nick(operand)
    case "who": self = .who
    case "msg":
      let (name, text) = SlashCommands.split(operand, names)
      guard !text.isEmpty else { throw .usage(entry.usage) }
      self = .message(to: name, text)
    case "r": self = .reply(operand)
    case "me": self = .action(operand)
    case "ignore": self = .ignore(operand.isEmpty ? nil : operand)
    case "clear": self = .clear
    case "save": self = .save(path: operand)
    case "bell":
      guard operand.isEmpty || PromptSettings.Bell(rawValue: operand) != nil else {
        throw .usage(entry.usage)
      }
      self = .bell(PromptSettings.Bell(rawValue: operand))
    case "quit": self = .quit
    default: self = .help
    }
  }
}
