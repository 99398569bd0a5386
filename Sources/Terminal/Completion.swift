import ChatCore

/// What the key that completes does with a line.
package enum Completion: Equatable, Sendable {
  /// Nothing fits.
  case none
  /// So many scalars before the cursor give way to a text.
  case replace(count: Int, with: String)
  /// Several fit; there is nothing that they have in common beyond what was typed.
  case choices([String])

  /// Completes a command, or a member's name: `ali` becomes `alice: ` at the line's start and `alice `
  /// elsewhere.
  /// - Parameters:
  ///   - before: the line up to the cursor.
  ///   - commands: those that there are.
  ///   - names: those who may be meant, the likeliest first.
  package static func of(_ before: String, _ commands: SlashCommands, names: [String])
    -> Completion
  {
    let typed = Array(before.unicodeScalars)
    // A name that would not be shown as it is cannot be typed either.
    let names = names.filter { DisplayText.line($0) == $0 && !$0.isEmpty }
    if typed.first == "/", typed.dropFirst().first != "/" {
      guard let blank = typed.firstIndex(of: " ") else {
        return fit(typed, commands.entries.map { "/" + $0.word }, suffix: " ")
      }
      let word = string(typed[1..<blank])
      guard let entry = commands.entries.first(where: { $0.word == word }) else { return .none }
      let rest = typed[(blank + 1)...]
      switch entry.operand {
      case .name: return fit(Array(rest), names, suffix: " ")
      case .choice(let choices): return fit(Array(rest), choices, suffix: "")
      case .text: break
      case .none, .file: return .none
      }
    }
    // A name may have blanks in it: the longest part that begins one counts.
    let starts = typed.indices.filter { $0 == 0 || typed[$0 - 1] == " " }
    for start in starts where typed.count - start <= Limits.nameLength {
      let completion = fit(Array(typed[start...]), names, suffix: start == 0 ? ": " : " ")
      if completion != .none { return completion }
    }
    // At the start and after a blank anybody may be meant.
    if typed.isEmpty || typed.last == " " { return names.isEmpty ? .none : .choices(names) }
    return .none
  }

  private static func fit(
    _ typed: [Unicode.Scalar], _ candidates: [String], suffix: String
  ) -> Completion {
    let wanted = string(typed[...]).lowercased()
    let fitting = candidates.filter { $0.lowercased().hasPrefix(wanted) }
    guard let first = fitting.first else { return .none }
    if fitting.count == 1 { return .replace(count: typed.count, with: first + suffix) }
    var common = Array(first.unicodeScalars)
    for other in fitting.dropFirst() {
      let scalars = Array(other.unicodeScalars)
      let same = zip(common, scalars).prefix {
        $0.properties.lowercaseMapping == $1.properties.lowercaseMapping
      }
      common = Array(common[..<same.count])
    }
    return common.count > typed.count
      ? .replace(count: typed.count, with: string(common[...])) : .choices(fitting)
  }

  private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }
}
