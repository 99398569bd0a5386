/// Completion for fish.
enum FishCompletion {
  static var script: String {
    var lines = [
      "# fish completion for netchat, made by: netchat completions fish",
      "",
      "function __netchat_hosts -d 'Hosts that netchat clint remembers; with an argument, without ports'",
      "    set -l state $XDG_STATE_HOME",
      "    test -n \"$state\"; or set state ~/.local/state",
      "    test -r $state/netchat/known_hosts; or return",
      "    set -l hosts (string match -rg '^([^# ][^ ]*) ' <$state/netchat/known_hosts)",
      "    if set -q argv[1]",
      "        set hosts (string replace -r ':[0-9]*$' '' -- $hosts | string replace -r '^\\[(.*)\\]$' '$1')",
      "    end",
      "    string join \\n -- $hosts",
      "end",
      "",
      "complete -c netchat -f",
    ]
    for option in CommandTable.commonOptions {
      lines.append("complete -c netchat" + self.option(option))
    }
    for command in CommandTable.commands {
      lines.append(
        "complete -c netchat -n __fish_use_subcommand -a \(command.name)"
          + " -d \(quoted(command.summary))")
    }
    for command in CommandTable.commands {
      let head = "complete -c netchat -n '__fish_seen_subcommand_from \(command.name)'"
      lines.append("")
      lines += command.ownOptions.map { head + option($0) }
      lines += command.operands.map { operand in
        head + value(CompletedValue(operand.kind), isOperand: true)
      }
    }
    return lines.joined(separator: "\n")
  }

  private static func option(_ option: Option) -> String {
    let short = option.short.map { " -s \($0)" } ?? ""
    let value = option.kind.map { self.value(CompletedValue($0), isOperand: false) } ?? ""
    return " -l \(option.name)\(short)\(value) -d \(quoted(option.help))"
  }

  private static func value(_ value: CompletedValue, isOperand: Bool) -> String {
    let needsValue = isOperand ? "" : " -x"
    return switch value {
    case .files: isOperand ? " -F" : " -r -F"
    case .words(let words): needsValue + " -a \(quoted(words.joined(separator: " ")))"
    case .knownHosts(let withPort):
      needsValue + " -a '(__netchat_hosts\(withPort ? "" : " bare"))'"
    case .nothing: needsValue
    }
  }

  private static func quoted(_ text: String) -> String {
    "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
  }
}
