import ChatCore

/// The commands of a prompt: lines that begin with a slash and a word.
package struct SlashCommands: Sendable {
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

    package init(word: String, operands: String, operand: Operand, help: String) {
      self.word = word
      self.operands = operands
      self.operand = operand
      self.help = help
    }

    package var usage: String { operands.isEmpty ? "/\(word)" : "/\(word) \(operands)" }
  }

  /// A line that is none of the commands; nothing is said then.
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

  /// What a line is.
  package enum Line: Sendable {
    case say(String)
    /// A command of the table, and what comes after its word.
    case command(Entry, String)
  }

  /// In help's order.
  package let entries: [Entry]

  package init(_ entries: [Entry]) { self.entries = entries }

  /// The lines that /help shows.
  package var helpLines: [String] {
    let width = entries.map(\.usage.count).max() ?? 0
    return entries.map { entry in
      let blanks = String(repeating: " ", count: width - entry.usage.count + 2)
      return "  \(entry.usage)\(blanks)\(entry.help)"
    } + ["  //TEXT\(String(repeating: " ", count: width - 4))say '/TEXT'"]
  }

  /// Reads a line. A command that takes nothing, and has something after it, is written wrongly; so is
  /// one that lacks what it needs.
  package func read(_ line: String) throws(Failure) -> Line {
    guard line.unicodeScalars.first == "/" else { return .say(line) }
    let rest = String(line.unicodeScalars.dropFirst())
    guard rest.unicodeScalars.first != "/" else { return .say(rest) }
    let word = String(rest.unicodeScalars.prefix { !Self.isBlank($0) })
    let operand = Self.trimmed(String(rest.unicodeScalars.dropFirst(word.unicodeScalars.count)))
    guard let entry = entries.first(where: { $0.word == word }) else {
      throw .unknown(word, nearest: Suggestion.nearest(to: word, among: entries.map(\.word)))
    }
    if operand.isEmpty, !entry.operands.isEmpty, !entry.operands.hasPrefix("[") {
      throw .usage(entry.usage)
    }
    return .command(entry, operand)
  }

  private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
    scalar == " " || scalar == "\n" || scalar == "\t"
  }

  package static func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars.drop(while: isBlank)
    guard let end = scalars.lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(scalars[...end])
  }

  /// A name and what comes after it. The name is the longest known one, else ends before a colon or
  /// a blank.
  package static func split(_ text: String, _ names: [String]) -> (name: String, text: String) {
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
