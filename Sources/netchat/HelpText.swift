/// What `--help` and `netchat help` show, made from the table.
enum HelpText {
  /// Columns of a line at the most.
  static let width = 80

  /// A few lines for somebody who named no command.
  static var shortUsage: String {
    lines(
      ["Usage: netchat COMMAND [OPTION]...", ""] + commandList
        + ["", "See netchat help for more."])
  }

  /// Help about a command, or about the whole program.
  static func text(for command: Command?) -> String {
    guard let command else { return overview }
    var result = wrap(
      ["netchat \(command.name)"] + synopsis(of: command), first: "Usage: ", indent: 11)
    result += ["", sentence(command.summary)]
    if !command.operands.isEmpty {
      let rows = command.operands.map { (left: $0.name, right: $0.help) }
      result += ["", "Operands:"] + table(rows)
    }
    result += ["", "Options:"]
    result += table(
      command.options.map { (left: label(of: $0), right: description(of: $0, in: command)) })
    for note in command.notes { result += [""] + wrap(words(note)) }
    if !command.examples.isEmpty {
      result += ["", "Examples:"]
      for example in command.examples {
        result += ["  \(example.commandLine)"] + wrap(words(example.meaning), indent: 6)
      }
    }
    return lines(result)
  }

  private static var overview: String {
    let options = CommandTable.commonOptions.map { (left: label(of: $0), right: $0.help) }
    return lines(
      ["Usage: netchat COMMAND [OPTION]...", "", "Chat rooms over TCP and TLS.", "", "Commands:"]
        + commandList + ["", "Options:"] + table(options)
        + ["", "An argument @FILE stands for the arguments in that file, one a line."]
        + ["See netchat help COMMAND for the options of a command."])
  }

  private static var commandList: [String] {
    table(CommandTable.commands.map { (left: $0.name, right: $0.summary) })
  }

  /// The options and operands as atoms that no line break may cut. An option stands once, with
  /// the first of its exclusions that can still be shown whole.
  private static func synopsis(of command: Command) -> [String] {
    var shown: Set<String> = []
    var atoms: [String] = []
    for option in command.ownOptions where !shown.contains(option.name) {
      let group =
        command.exclusions.first { group in
          group.contains { $0.name == option.name } && !group.contains { shown.contains($0.name) }
        } ?? [option]
      shown.formUnion(group.map(\.name))
      let atom = "[\(group.map(\.usage).joined(separator: " | "))]"
      atoms.append(option.isRepeatable ? "\(atom)..." : atom)
    }
    return atoms + command.operands.map { "[\($0.name)]" }
  }

  private static func label(of option: Option) -> String {
    (option.short.map { "-\($0), " } ?? "    ") + option.usage
  }

  /// The option's help, and in parentheses all that the table knows beside.
  private static func description(of option: Option, in command: Command) -> String {
    var facts: [String] = []
    if let bounds = option.kind?.bounds { facts.append(bounds) }
    for requirement in command.requirements where requirement.option.name == option.name {
      facts.append(
        "needs " + requirement.anyOf.map { "--\($0.name)" }.joined(separator: " or "))
    }
    for group in command.exclusions where group.contains(where: { $0.name == option.name }) {
      facts += group.filter { $0.name != option.name }.map { "not with --\($0.name)" }
    }
    if option.isRepeatable { facts.append("may be given more than once") }
    if let text = option.defaultText { facts.append("default: \(text)") }
    return facts.isEmpty ? option.help : "\(option.help) (\(facts.joined(separator: "; ")))"
  }

  /// Two columns; the right one begins at the same place in each row and is wrapped.
  private static func table(_ rows: [(left: String, right: String)]) -> [String] {
    let column = min(30, 4 + (rows.map(\.left.count).max() ?? 0))
    return rows.flatMap { row in
      let left = "  " + row.left
      guard left.count + 2 <= column else {
        return [left] + wrap(words(row.right), indent: column)
      }
      let padding = String(repeating: " ", count: column - left.count)
      return wrap(words(row.right), first: left + padding, indent: column)
    }
  }

  private static func words(_ text: String) -> [String] {
    text.split(separator: " ").map(String.init)
  }

  /// Fills lines with the atoms. The first line begins with `first`, or else like the others
  /// with `indent` spaces.
  static func wrap(_ atoms: [String], first: String? = nil, indent: Int = 0) -> [String] {
    let margin = String(repeating: " ", count: indent)
    var result: [String] = []
    var line = first ?? margin
    var isEmpty = true
    for atom in atoms {
      if !isEmpty, line.count + 1 + atom.count > width {
        result.append(line)
        line = margin
        isEmpty = true
      }
      line += isEmpty ? atom : " " + atom
      isEmpty = false
    }
    return result + [line]
  }

  private static func sentence(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst() + "."
  }

  private static func lines(_ lines: [String]) -> String {
    lines.map { $0 + "\n" }.joined()
  }
}
