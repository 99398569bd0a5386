// What a command and its options are; which there are stands in CommandTable.swift.

/// An option of a command: a flag, or a name with a value.
struct Option: Sendable {
  struct Value: Sendable {
    /// As help shows it: `PORT`.
    let name: String
    let kind: ValueKind
    let standard: Default
  }

  /// What holds where the option is not given.
  enum Default: Sendable {
    case none
    /// Read like a value that the user typed.
    case value(String)
    /// Found out when the program runs; the words are for people.
    case described(String)
  }

  /// Without dashes: `port`.
  let name: String
  /// The letter after a single dash.
  let short: Character?
  /// nil for a flag.
  let value: Value?
  /// What it does, without bounds and default: those follow from `value`.
  let help: String
  let isRepeatable: Bool

  /// A flag.
  init(_ name: String, short: Character? = nil, help: String) {
    self.name = name
    self.short = short
    self.value = nil
    self.help = help
    self.isRepeatable = false
  }

  /// An option with a value.
  init(
    _ name: String, _ valueName: String, _ kind: ValueKind, default standard: Default = .none,
    isRepeatable: Bool = false, help: String
  ) {
    self.name = name
    self.short = nil
    self.value = Value(name: valueName, kind: kind, standard: standard)
    self.help = help
    self.isRepeatable = isRepeatable
  }

  var valueName: String? { value?.name }
  var kind: ValueKind? { value?.kind }

  /// The default in words.
  var defaultText: String? {
    switch value?.standard {
    case .value(let text), .described(let text): text
    case nil, .some(.none): nil
    }
  }

  /// As the user types it: `--port PORT`.
  var usage: String { valueName.map { "--\(name) \($0)" } ?? "--\(name)" }
}

/// What stands on a command line without a dash. All operands are optional.
struct Operand: Sendable {
  /// As help shows it: `HOST[:PORT]`.
  let name: String
  let kind: ValueKind
  let help: String
}

/// One option needs another.
struct Requirement: Sendable {
  let option: Option
  /// One of these is enough.
  let anyOf: [Option]
  /// Each of these implies one of them.
  let implying: [Option]

  init(_ option: Option, needs anyOf: Option..., impliedBy implying: [Option] = []) {
    self.option = option
    self.anyOf = anyOf
    self.implying = implying
  }
}

struct Example: Sendable {
  let commandLine: String
  let meaning: String
}

/// A command: the first argument of the program.
struct Command: Sendable {
  let name: String
  /// A few words for the list of commands.
  let summary: String
  let operands: [Operand]
  /// Its own options; `CommandTable.commonOptions` come on top.
  let ownOptions: [Option]
  /// Of each group at most one may be given.
  let exclusions: [[Option]]
  let requirements: [Requirement]
  /// Paragraphs for the end of its help.
  let notes: [String]
  let examples: [Example]
  /// Makes the typed arguments, and checks what the table cannot say.
  let invocation: @Sendable (ParsedArguments) throws(UsageError) -> Invocation

  /// All that it takes.
  var options: [Option] { ownOptions + CommandTable.commonOptions }

  func option(named name: String) -> Option? { options.first { $0.name == name } }
}
