// Reads the command line:
//
// - `netchat COMMAND [OPTION | OPERAND]...`, options and operands in any order.
// - `--option VALUE` and `--option=VALUE` are the same; names are never abbreviated.
// - What begins with `--`, and `-h`, is never the value of the option before it: a value that
//   begins so is written `--option=VALUE`. So a forgotten value does not swallow an option.
// - `@FILE`, where an option may stand, is what that file says, one argument a line.
// - `--` ends the options. A lone `-` is a value or an operand.
// - `--help` and `--version` hold as soon as they are read, whatever follows.
// - The password is taken out of the command line before that becomes texts, which nobody can wipe;
//   it is handed in beside them, and what stands in its place is not looked at.
// - Everything is checked here, in the order it was typed, before anything is opened.

import ChatCore
import OpenSSL

/// What the program is to do.
enum Invocation: Sendable {
  /// About the whole program where there is no command.
  case help(Command?)
  case version
  case host(HostArguments)
  case clint(ClintArguments)
  case gencert(GencertArguments)
  case selftest(SelftestArguments)
  case completions(CompletionShell)
  /// What systemd needs to run a host.
  case systemdUnit
}

/// The values of a command line, all of them checked.
struct ParsedArguments: Sendable {
  private var given: [String: [ArgumentValue]] = [:]
  fileprivate(set) var operands: [ArgumentValue] = []

  fileprivate mutating func append(_ value: ArgumentValue, for option: Option) {
    given[option.name, default: []].append(value)
  }

  /// Whether the user gave the option.
  func isGiven(_ option: Option) -> Bool { given[option.name] != nil }

  /// All values of a repeatable option, in order.
  func all(of option: Option) -> [ArgumentValue] { given[option.name] ?? [] }

  /// The value given, else the table's default where it has one that can be read.
  subscript(option: Option) -> ArgumentValue? {
    if let value = given[option.name]?.last { return value }
    guard let value = option.value, case .value(let text) = value.standard else { return nil }
    return try? value.kind.read(text)
  }

  /// The value of an option that has a default in the table.
  func value(of option: Option) -> ArgumentValue {
    guard let value = self[option] else {
      preconditionFailure("--\(option.name) has no default in the table")
    }
    return value
  }
}

enum ArgumentParser {
  /// Reads the arguments, without the program's name.
  /// - Parameter password: what was `--password`'s value; nil where that was not taken out.
  static func parse(
    _ arguments: [String], password: Secret? = nil
  ) throws(UsageError) -> Invocation {
    var rest = arguments[...]
    if let file = rest.first.flatMap({ ArgumentFile(naming: $0) }) {
      rest = try file.arguments()[...] + rest.dropFirst()
    }
    guard var first = rest.popFirst() else { throw missingCommand }
    if isOption(first) {
      switch try commonOption(first, before: rest) {
      case .some(let invocation): return invocation
      case .none:
        guard let next = rest.popFirst() else { throw missingCommand }
        first = next
      }
    }
    guard let command = CommandTable.command(named: first) else {
      let nearest = Suggestion.nearest(to: first, among: CommandTable.commands.map(\.name))
      throw UsageError(
        "there is no command \(quoted(first))",
        hint: nearest.map { "did you mean netchat \($0)?" } ?? ValueKind.command.allowed)
    }
    return try parse(rest, for: command, password: password)
  }

  private static let missingCommand = UsageError(
    "a command is missing", hint: ValueKind.command.allowed)

  /// Reads what follows the command.
  static func parse(
    _ arguments: ArraySlice<String>, for command: Command, password: Secret? = nil
  ) throws(UsageError) -> Invocation {
    var parsed = ParsedArguments()
    var rest = arguments
    var optionsEnded = false
    while let argument = rest.popFirst() {
      if !optionsEnded, let file = ArgumentFile(naming: argument) {
        rest = try file.arguments()[...] + rest
        continue
      }
      if optionsEnded || !isOption(argument) {
        parsed.operands.append(
          try operand(argument, at: parsed.operands.count, of: command))
        continue
      }
      if argument == "--" {
        optionsEnded = true
        continue
      }
      let written = WrittenOption(argument)
      guard let option = find(written, in: command.options) else {
        throw unknownOption(written, of: command)
      }
      guard option.isRepeatable || !parsed.isGiven(option) else {
        throw UsageError("--\(option.name) is given twice", hint: "leave out one of them")
      }
      let value = try value(of: option, written: written, before: &rest, password: password)
      if option.name == CommandTable.help.name { return .help(command) }
      if option.name == CommandTable.version.name { return .version }
      parsed.append(value, for: option)
    }
    try checkRelations(of: parsed, for: command)
    return try command.invocation(parsed)
  }

  /// An option as the user typed it.
  private struct WrittenOption {
    /// All before `=`, with its dashes.
    let text: String
    /// Without dashes.
    let name: String
    let isLong: Bool
    /// What stands after `=`.
    let value: String?

    init(_ argument: String) {
      let end = argument.firstIndex(of: "=")
      text = String(argument[..<(end ?? argument.endIndex)])
      value = end.map { String(argument[argument.index(after: $0)...]) }
      isLong = text.hasPrefix("--")
      name = String(text.drop { $0 == "-" })
    }
  }

  private static func isOption(_ argument: String) -> Bool {
    argument.hasPrefix("-") && argument != "-"
  }

  private static func find(_ written: WrittenOption, in options: [Option]) -> Option? {
    options.first { option in
      written.text == "--\(option.name)"
        || option.short.map { written.text == "-\($0)" } ?? false
    }
  }

  private static func value(
    of option: Option, written: WrittenOption, before rest: inout ArraySlice<String>,
    password: Secret? = nil
  ) throws(UsageError) -> ArgumentValue {
    guard let description = option.value else {
      // The value is not shown: it may be a password that missed its option.
      guard written.value == nil else {
        throw UsageError("\(written.text) takes no value", hint: "write \(written.text) alone")
      }
      return .flag
    }
    let text: String
    if let attached = written.value {
      text = attached
    } else if let next = rest.first, !next.hasPrefix("--"), next != "-h" {
      text = next
      rest.removeFirst()
    } else {
      throw UsageError(
        "--\(option.name) needs a value",
        hint: rest.isEmpty || !description.kind.mayBeginWithDashes
          ? description.kind.allowed
          : "a value that begins with dashes is written --\(option.name)=\(description.name)")
    }
    do throws(ValueProblem) {
      if description.kind == .secret, !text.isEmpty, let password {
        return .secret(try ValueKind.checked(password))
      }
      return try description.kind.read(text)
    } catch {
      let shown = description.kind == .secret ? "" : " \(quoted(text))"
      throw UsageError(
        "invalid value\(shown) for --\(option.name): \(error.problem)",
        hint: error.hint ?? description.kind.allowed)
    }
  }

  private static func operand(
    _ text: String, at index: Int, of command: Command
  ) throws(UsageError) -> ArgumentValue {
    guard index < command.operands.count else {
      let most = command.operands.map(\.name).joined(separator: " ")
      throw UsageError(
        "unexpected argument \(quoted(text))",
        hint: most.isEmpty
          ? "netchat \(command.name) takes only options; see netchat help \(command.name)"
          : "netchat \(command.name) takes one \(most)")
    }
    let kind = command.operands[index].kind
    do throws(ValueProblem) {
      return try kind.read(text)
    } catch {
      throw UsageError(
        "invalid \(command.operands[index].name) \(quoted(text)): \(error.problem)",
        hint: error.hint ?? kind.allowed)
    }
  }

  /// Exclusions first: what one may not write at all, before what is still missing.
  private static func checkRelations(
    of parsed: ParsedArguments, for command: Command
  ) throws(UsageError) {
    for group in command.exclusions {
      let given = group.filter(parsed.isGiven)
      if given.count > 1 {
        throw UsageError(
          "--\(given[0].name) and --\(given[1].name) exclude each other",
          hint: "leave out one of them")
      }
    }
    for requirement in command.requirements
    where parsed.isGiven(requirement.option)
      && !(requirement.anyOf + requirement.implying).contains(where: parsed.isGiven)
    {
      let names = requirement.anyOf.map { "--\($0.name)" }.joined(separator: " or ")
      let usages = requirement.anyOf.map(\.usage).joined(separator: " or ")
      throw UsageError("--\(requirement.option.name) needs \(names)", hint: "add \(usages)")
    }
  }

  /// Reads an option before the command; nil for `--`.
  private static func commonOption(
    _ argument: String, before rest: ArraySlice<String>
  ) throws(UsageError) -> Invocation? {
    if argument == "--" { return nil }
    let written = WrittenOption(argument)
    if let option = find(written, in: CommandTable.commonOptions) {
      var none: ArraySlice<String> = []
      _ = try value(of: option, written: written, before: &none)
      return option.name == CommandTable.version.name ? .version : .help(nil)
    }
    // The command that was meant is the one that stands further on, else the first that fits.
    let owners = CommandTable.commands.filter { find(written, in: $0.options) != nil }
    if let owner = owners.first(where: { rest.contains($0.name) }) ?? owners.first,
      let option = find(written, in: owner.options)
    {
      throw UsageError(
        "\(written.text) stands before the command",
        hint: "options follow it: netchat \(owner.name) \(option.usage)")
    }
    throw unknownOption(
      written, among: CommandTable.commonOptions + CommandTable.commands.flatMap(\.ownOptions),
      otherwise: "see netchat help")
  }

  private static func unknownOption(
    _ written: WrittenOption, of command: Command
  ) -> UsageError {
    if let owner = CommandTable.commands.first(where: { find(written, in: $0.options) != nil }) {
      return UsageError(
        "\(command.name) has no option \(written.text)",
        hint: "it is an option of netchat \(owner.name)")
    }
    return unknownOption(
      written, among: command.options, otherwise: "see netchat help \(command.name)")
  }

  private static func unknownOption(
    _ written: WrittenOption, among options: [Option], otherwise: String
  ) -> UsageError {
    let nearest = Suggestion.nearest(to: written.name, among: options.map(\.name))
    return UsageError(
      "unknown option \(quoted(written.text))",
      hint: nearest.map { "did you mean --\($0)?" } ?? otherwise)
  }
}
