/// Completion for zsh, by its own `_arguments`.
enum ZshCompletion {
  static var script: String {
    """
    #compdef netchat
    # zsh completion for netchat, made by: netchat completions zsh

    # Hosts that netchat clint remembers, with their ports.
    _netchat_places() {
      local file=${XDG_STATE_HOME:-$HOME/.local/state}/netchat/known_hosts
      local -a places
      [[ -r $file ]] && places=(${${(f)"$(<$file)"}%% *})
      places=(${places:#\\#*})
      compadd "$@" -a places
    }

    # The same without their ports.
    _netchat_hosts() {
      local file=${XDG_STATE_HOME:-$HOME/.local/state}/netchat/known_hosts
      local -a hosts
      [[ -r $file ]] && hosts=(${${(f)"$(<$file)"}%% *})
      hosts=(${hosts:#\\#*})
      hosts=(${${${hosts%:*}#\\[}%\\]})
      compadd "$@" -a hosts
    }

    _netchat() {
      local curcontext=$curcontext state line
      local -a commands
      commands=(
    \(CommandTable.commands.map { "    '\($0.name):\(quoted($0.summary))'" }
      .joined(separator: "\n"))
      )
      _arguments -C \\
    \(CommandTable.commonOptions.map { "    \(specification(of: $0, in: nil)) \\" }
      .joined(separator: "\n"))
        '1:command:->command' \\
        '*::argument:->argument'
      case $state in
        command) _describe command commands ;;
        argument)
          case $words[1] in
    \(CommandTable.commands.map(arguments).joined(separator: "\n"))
          esac
          ;;
      esac
    }

    _netchat "$@"
    """
  }

  private static func arguments(of command: Command) -> String {
    let specifications =
      command.options.map { specification(of: $0, in: command) }
      + command.operands.enumerated().map { index, operand in
        "'\(index + 1):\(escaped(operand.name)):\(action(operand.kind))'"
      }
    return """
              \(command.name))
                _arguments \\
      \(specifications.map { "            \($0)" }.joined(separator: " \\\n"))
                ;;
      """
  }

  /// `'(--plain)--secure[encrypt everything]'`
  private static func specification(of option: Option, in command: Command?) -> String {
    var excluded: [String] = []
    for group in command?.exclusions ?? []
    where group.contains(where: { $0.name == option.name }) {
      excluded += group.map { "--\($0.name)" }.filter { $0 != "--\(option.name)" }
    }
    let help = "[\(escaped(option.help))]"
    if let short = option.short {
      return "'(-\(short) --\(option.name))'{-\(short),--\(option.name)}'\(help)'"
    }
    let head =
      option.isRepeatable
      ? "*" : excluded.isEmpty ? "" : "(\(excluded.joined(separator: " ")))"
    guard let name = option.valueName, let kind = option.kind else {
      return "'\(head)--\(option.name)\(help)'"
    }
    return "'\(head)--\(option.name)=\(help):\(escaped(name)):\(action(kind))'"
  }

  private static func action(_ kind: ValueKind) -> String {
    switch CompletedValue(kind) {
    case .files: "_files"
    case .words(let words): "(\(words.map(escaped).joined(separator: " ")))"
    case .knownHosts(let withPort): withPort ? "_netchat_places" : "_netchat_hosts"
    case .nothing: ""
    }
  }

  /// For a place where brackets and colons have a meaning.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in quoted(text) {
      if "[]:".contains(character) { result += "\\" }
      result.append(character)
    }
    return result
  }

  /// For the inside of quotation marks.
  private static func quoted(_ text: String) -> String { text.replacing("'", with: "'\\''") }
}
