import Foundation
import Testing

/// The shells' completions: what is committed is what the program prints, and it completes in the
/// real shells.
@Suite("completions", .serialized)
struct CompletionTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "completions")

  @Test(
    "what is committed is what the program prints",
    arguments: [("bash", "netchat.bash"), ("zsh", "_netchat"), ("fish", "netchat.fish")])
  func fresh(shell: String, file: String) throws {
    try Scene.play { scene in
      let printed = try scene.netchat("completions", shell).output.rest().joined(separator: "\n")
      let committed = try String(contentsOf: Self.folder.appending(path: file), encoding: .utf8)
      #expect(
        printed + "\n" == committed, "renew it: netchat completions \(shell) >completions/\(file)")
    }
  }

  @Test("a shell that is not there is wrong usage")
  func otherShells() throws {
    try Scene.play { scene in
      for arguments in [["completions"], ["completions", "tcsh"], ["completions", "bash", "zsh"]] {
        let program = try scene.run(Program.netchat, arguments)
        #expect(try program.wait() == 2)
        #expect(try program.output.rest() == [])
        #expect(try program.errors.rest().isEmpty == false)
      }
    }
  }

  /// A line up to the cursor, and all that is to be offered for its last word.
  private static let cases: [(line: String, offered: Set<String>)] = [
    ("netchat hos", ["host"]),
    ("netchat host --thr", ["--threads"]),
    ("netchat gencert --type ", ["ecdsa", "ed25519", "rsa"]),
    ("netchat host --tls-min ", ["1.2", "1.3"]),
    ("netchat completions ", ["bash", "zsh", "fish"]),
    ("netchat clint c", ["chat.example.org:4000"]),
    ("netchat clint --host c", ["chat.example.org"]),
    ("netchat host --cert ce", ["cert.pem"]),
    ("netchat host --bind ::", ["::1"]),
    ("netchat clint --password-file ce", ["cert.pem"]),
    ("netchat clint --bell m", ["mention"]),
    ("netchat selftest c", ["chat.example.org:4000"]),
    ("netchat selftest --be", ["--bench"]),
    ("netchat help self", ["selftest"]),
    // No files where none are meant.
    ("netchat host --port ", []),
    ("netchat host ce", []),
    ("netchat clint --name ce", []),
    ("netchat clint --say ce", []),
    ("netchat gencert ce", []),
    ("netchat selftest --clients ", []),
  ]

  /// A folder with a file to complete, and a state with hosts to remember.
  private func place(_ scene: Scene) throws -> String {
    let folder = try scene.folder()
    try FileManager.default.createDirectory(
      atPath: "\(folder)/netchat", withIntermediateDirectories: true)
    try "# known\nchat.example.org:4000 secure\n[::1]:12345 secure\n".write(
      toFile: "\(folder)/netchat/known_hosts", atomically: true, encoding: .utf8)
    try "".write(toFile: "\(folder)/cert.pem", atomically: true, encoding: .utf8)
    return folder
  }

  @Test("bash completes commands, options, values, hosts, and files only where one is meant")
  func bash() throws {
    try Scene.play { scene in
      let folder = try place(scene)
      for (line, offered) in Self.cases {
        let shell = try scene.run(
          "env",
          ["-C", folder, "XDG_STATE_HOME=\(folder)", "bash", "--norc", "-c"] + [
            """
            source /usr/share/bash-completion/bash_completion
            source "$1"
            COMP_LINE=$2 COMP_POINT=${#2}
            read -ra COMP_WORDS <<<"$2"
            [[ $2 != *' ' ]] || COMP_WORDS+=('')
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _netchat
            printf '%s\\n' "${COMPREPLY[@]}"
            """, "bash", Self.folder.appending(path: "netchat.bash").path, line,
          ])
        let words = Set(try shell.output.rest().filter { !$0.isEmpty })
        #expect(words == offered, "\(line)")
      }
    }
  }

  @Test("fish completes the same")
  func fish() throws {
    try Scene.play { scene in
      let folder = try place(scene)
      for (line, offered) in Self.cases {
        let shell = try scene.run(
          "env",
          ["-C", folder, "XDG_STATE_HOME=\(folder)", "fish", "--no-config", "-c"] + [
            "source $argv[1]; complete -C $argv[2]",
            Self.folder.appending(path: "netchat.fish").path, line,
          ])
        let words = Set(
          try shell.output.rest().compactMap { $0.split(separator: "\t").first.map(String.init) })
        #expect(words == offered, "\(line)")
      }
    }
  }

  @Test("zsh completes the same, at its own prompt")
  func zsh() throws {
    try Scene.play { scene in
      let folder = try place(scene)
      for (line, offered) in Self.cases {
        // A zsh at a terminal of its own, which writes down what its functions would offer.
        try """
        PS1= PS2= RPS1=
        fpath=(\(Self.folder.path) $fpath)
        autoload -Uz compinit
        compinit -u -D
        compadd() {
          local -a found
          builtin compadd -O found "$@"
          (( $#found )) && print -rl -- $found >>\(folder)/offered
          builtin compadd "$@"
        }
        # Before the editor has the terminal, Ctrl-U would be the terminal's own and take the tab away.
        zle-line-init() { : >>\(folder)/offered }
        zle -N zle-line-init
        """.write(toFile: "\(folder)/setup", atomically: true, encoding: .utf8)
        let shell = try scene.run(
          "env",
          ["-C", folder, "XDG_STATE_HOME=\(folder)", "zsh", "-f", "-c"] + [
            """
            zmodload zsh/zpty
            rm -f offered ended
            zpty shell zsh -f -i
            zpty -w shell 'source ./setup'
            for i in {1..2000}; do [[ -e offered ]] && break; sleep 0.02; done
            zpty -w -n shell "$1"$'\\t\\C-u'
            zpty -w shell ': >ended'
            for i in {1..2000}; do [[ -e ended ]] && break; sleep 0.02; done
            """, "zsh", line,
          ])
        #expect(try shell.wait(within: .seconds(90)) == 0)
        let words = Set(
          try String(contentsOfFile: "\(folder)/offered", encoding: .utf8)
            .split(separator: "\n").map(String.init))
        #expect(words == offered, "\(line)")
      }
    }
  }
}
