import ChatCore

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

  /// A line that is none of these; nothing is said then.
  package enum Failure: Error, Equatable, Sendable {
    case unknown(String, nearest: String?)
    /// How it is written.
    case usage(String)

    /// In words.
    package var reason: String {
      switch self {
      case .unknown(let word, let nearest?): "There is no /\(word): did you mean /\(nearest)?"
      case .unknown(let word, nil):
        "There is no /\(word): /help lists the commands, and // says a line that begins with a slash."
      case .usage(let usage): "It is written \(usage)"
      }
    }
  }

  // MARK: The table

  /// What comes after a command's word.
  package enum Operand: Equatable, Sendable {
    case none
    case text
    case name
    case file
    case choice([String])
  }

  package struct Entry: Sendable {
    package let word: String
    /// As help shows it; empty for none.
    package let operands: String
    package let operand: Operand
    package let help: String

    package var usage: String { operands.isEmpty ? "/\(word)" : "/\(word) \(operands)" }
  }

  /// The commands, in help's order.
  package static let table = [
    Entry(
      word: "nick", operands: "NAME", operand: .text, help: "take another name"),
    Entry(word: "who", operands: "", operand: .none, help: "list the members"),
    Entry(
      word: "msg", operands: "NAME TEXT", operand: .name, help: "say something to one member only"),
    Entry(
      word: "r", operands: "TEXT", operand: .text,
      help: "answer whoever wrote to you alone last"),
    Entry(word: "me", operands: "TEXT", operand: .text, help: "say '* TEXT'"),
    Entry(
      word: "ignore", operands: "[NAME]", operand: .name,
      help: "show no more of what somebody says, or show it again; alone: list them"),
    Entry(word: "clear", operands: "", operand: .none, help: "clear the screen"),
    Entry(
      word: "save", operands: "FILE", operand: .file,
      help: "write what was shown so far to a new file"),
    Entry(
      word: "bell", operands: "[off|mention|private|all]",
      operand: .choice(PromptSettings.Bell.allCases.map(\.rawValue)),
      help: "ring for nothing, your name, private messages, everything"),
    Entry(word: "help", operands: "", operand: .none, help: "show this"),
    Entry(word: "quit", operands: "", operand: .none, help: "leave; so does Ctrl-D"),
  ]

  /// The lines that /help shows.
  package static var helpLines: [String] {
    let width = table.map(\.usage.count).max() ?? 0
    return table.map { entry in
      let blanks = String(repeating: " ", count: width - entry.usage.count + 2)
      return "  \(entry.usage)\(blanks)\(entry.help)"
    } + ["  //TEXT\(String(repeating: " ", count: width - 4))say '/TEXT'"]
  }

  // MARK: Reading

  /// Reads a line.
  /// - Parameter names: who may be meant, for names with blanks in them.
  package init(_ line: String, names: [String]) throws(Failure) {
    guard line.unicodeScalars.first == "/" else {
      self = .say(line)
      return
    }
    let rest = String(line.unicodeScalars.dropFirst())
    guard rest.unicodeScalars.first != "/" else {
      self = .say(rest)
      return
    }
    let isBlank = { (scalar: Unicode.Scalar) in scalar == " " || scalar == "\n" || scalar == "\t" }
    let word = String(rest.unicodeScalars.prefix { !isBlank($0) })
    let operand = Self.trimmed(String(rest.unicodeScalars.dropFirst(word.unicodeScalars.count)))
    guard let entry = Self.table.first(where: { $0.word == word }) else {
      throw .unknown(
        word, nearest: Suggestion.nearest(to: word, among: Self.table.map(\.word)))
    }
    if operand.isEmpty, !entry.operands.isEmpty, !entry.operands.hasPrefix("[") {
      throw .usage(entry.usage)
    }
    switch word {
    case "nick": self = .nick(operand)
    case "who": self = .who
    case "msg":
      let (name, text) = Self.split(operand, names)
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

  private static func trimmed(_ text: String) -> String {
    let isBlank = { (scalar: Unicode.Scalar) in scalar == " " || scalar == "\n" || scalar == "\t" }
    let scalars = text.unicodeScalars.drop(while: isBlank)
    guard let end = scalars.lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(scalars[...end])
  }

  /// A name and what comes after it. The name is the longest known one, else ends before a colon or
  /// a blank.
  private static func split(_ text: String, _ names: [String]) -> (name: String, text: String) {
    let scalars = text.unicodeScalars
    let known = names.filter { name in
      let rest = scalars.dropFirst(name.unicodeScalars.count)
      return text.lowercased().hasPrefix(name.lowercased())
        && (rest.first.map { $0 == " " || $0 == ":" } ?? true)
    }.max { $0.unicodeScalars.count < $1.unicodeScalars.count }
    let name = known ?? String(scalars.prefix { $0 != " " && $0 != ":" && $0 != "\n" })
    var rest = scalars.dropFirst(name.unicodeScalars.count)
    if rest.first == ":" { rest = rest.dropFirst() }
    return (name, trimmed(String(rest)))
  }
}
