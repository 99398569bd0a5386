/// Completion for bash, by the functions of the package bash-completion.
enum BashCompletion {
  static var script: String {
    let commands = CommandTable.commands.map(\.name)
    let common = CommandTable.commonOptions.flatMap(words)
    return """
      # bash completion for netchat, made by: netchat completions bash

      # Hosts that netchat clint remembers; with $1 given, without their ports.
      _netchat_hosts() {
          local file=${XDG_STATE_HOME:-$HOME/.local/state}/netchat/known_hosts
          [[ -r $file ]] || return
          local hosts
          hosts=$(sed -n 's/^\\([^# ][^ ]*\\) .*/\\1/p' "$file")
          [[ -z $1 ]] || hosts=$(sed 's/:[0-9]*$//; s/^\\[\\(.*\\)\\]$/\\1/' <<<"$hosts")
          COMPREPLY=($(compgen -W "$hosts" -- "$cur"))
          __ltrim_colon_completions "$cur"
      }

      _netchat() {
          local cur prev words cword split
          _init_completion -s -n : || return
          local command= i
          for ((i = 1; i < cword; i++)); do
              case ${words[i]} in
              \(commands.joined(separator: " | ")))
                  command=${words[i]}
                  break
                  ;;
              esac
          done
          if [[ -z $command ]]; then
              COMPREPLY=($(compgen -W '\((commands + common).joined(separator: " "))' -- "$cur"))
              return
          fi
          case "$command $prev" in
      \(values())
          esac
          $split && return
          local options=
          case $command in
      \(options())
          esac
          if [[ $cur == -* ]]; then
              COMPREPLY=($(compgen -W "$options" -- "$cur"))
              return
          fi
          case $command in
      \(operands())
          esac
      } &&
          complete -F _netchat netchat
      """
  }

  /// As it can be typed.
  private static func words(_ option: Option) -> [String] {
    ["--\(option.name)"] + (option.short.map { ["-\($0)"] } ?? [])
  }

  private static func action(_ value: CompletedValue) -> String {
    switch value {
    case .files: "_filedir"
    case .words(let words):
      "COMPREPLY=($(compgen -W '\(words.joined(separator: " "))' -- \"$cur\"))"
    case .knownHosts(let withPort): withPort ? "_netchat_hosts" : "_netchat_hosts bare"
    case .nothing: ":"
    }
  }

  /// The options of all commands that take a value, those that are completed alike together.
  private static func values() -> String {
    var places: [(value: CompletedValue, options: [String])] = []
    for command in CommandTable.commands {
      for option in command.ownOptions {
        guard let kind = option.kind else { continue }
        let value = CompletedValue(kind)
        let place = "'\(command.name) --\(option.name)'"
        if let index = places.firstIndex(where: { $0.value == value }) {
          places[index].options.append(place)
        } else {
          places.append((value, [place]))
        }
      }
    }
    return places.map { place in
      branch(place.options.joined(separator: " | "), [action(place.value), "return"])
    }.joined(separator: "\n")
  }

  private static func options() -> String {
    CommandTable.commands.map { command in
      let all = command.options.flatMap(words).joined(separator: " ")
      return branch(command.name, ["options='\(all)'"])
    }.joined(separator: "\n")
  }

  private static func operands() -> String {
    CommandTable.commands.compactMap { command in
      command.operands.first.map { branch(command.name, [action(CompletedValue($0.kind))]) }
    }.joined(separator: "\n")
  }

  private static func branch(_ pattern: String, _ lines: [String]) -> String {
    (["    \(pattern))"] + (lines + [";;"]).map { "        \($0)" }).joined(separator: "\n")
  }
}
