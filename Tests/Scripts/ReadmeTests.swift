import Foundation
import Testing

@Suite("README")
struct ReadmeTests {
  private static let readme: String? = {
    let root = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return try? String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
  }()

  @Test(
    "every option stands in README's tables, and no other",
    arguments: ["host", "clint", "gencert", "selftest"])
  func options(command: String) throws {
    let lines = try #require(Self.readme).split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0.hasPrefix("| `netchat \(command)") })
    let rows = lines[(start + 1)...].prefix { $0.hasPrefix("|") }
    // The first column has the options; the words beside may name others.
    let named = Set(rows.flatMap { options(in: $0.split(separator: "|").first ?? "") })
    try Scene.play { scene in
      let help = try scene.netchat("help", command)
      let shown = try help.output.rest().filter { $0.hasPrefix("      --") }
      let existing = Set(shown.flatMap { options(in: $0.prefix { $0 != "(" }).prefix(1) })
      #expect(named == existing.subtracting(["--version"]))
    }
  }

  private func options(in text: some StringProtocol) -> [String] {
    String(text).matches(of: /--[a-z][a-z-]*/).map { String($0.output) }
  }

  @Test("every status stands in README")
  func statuses() throws {
    let readme = try #require(Self.readme)
    for status in 0...5 { #expect(readme.contains("\n| \(status) | ")) }
  }

  @Test("README's client in Python is let in and answers")
  func python() throws {
    let readme = try #require(Self.readme)
    let parts = readme.components(separatedBy: "```")
    let script = try #require(parts.first { $0.hasPrefix("python\n") }).dropFirst("python\n".count)
    try Scene.play { scene in
      let room = try scene.host()
      let program = script.replacingOccurrences(of: "12345", with: "\(room.port)")
      _ = try scene.run("python3", "-c", program)
      try room.screen.expect(prefix: "robot joined from ")
      try room.program.type("hello robot")
      try room.screen.expect("robot: hello")
    }
  }

  // MARK: Commands

  private struct Trial: Sendable {
    let line: String
    /// Plays the line, which is handed with the port of `room` in place of 12345.
    let play:
      @Sendable (Scene, _ room: () throws -> Room, (UInt16?) throws -> Program) throws -> Void
  }

  /// The lines of README that are for a shell and begin with netchat, or with what talks to it. What
  /// builds, installs and measures is tried by .ci/run.
  private static let trials: [Trial] = [
    opening("netchat host --secure --port 12345 --generate-password", mode: "ENCRYPTED"),
    Trial(line: "netchat clint 127.0.0.1:12345") { scene, _, run in
      // It finds out that the room is secure, and asks.
      let room = try scene.secureHost()
      let clint = try run(room.port)
      try clint.output.expect("Authenticated as clint1")
      clint.closeInput()
      #expect(try clint.wait() == 0)
    },
    Trial(line: "netchat gencert --name chat.example.org") { _, _, run in
      let gencert = try run(nil)
      try gencert.output.expect("Names: chat.example.org")
      #expect(try gencert.wait() == 0)
    },
    opening("netchat host --tls --cert cert.pem --key key.pem --port 12345", mode: "TLS"),
    Trial(line: "nc 127.0.0.1 12345") { _, room, run in
      let room = try room()
      let netcat = try run(room.port)
      try netcat.type("hello")
      try room.screen.expect("clint1: hello")
    },
    Trial(line: "echo done | netchat clint 127.0.0.1:12345 --name ci") { _, room, run in
      let room = try room()
      let echo = try run(room.port)
      #expect(try echo.wait() == 0)
      try room.screen.expect("ci: done")
    },
    Trial(line: "tail -f build.log | netchat clint 127.0.0.1:12345 --name ci") { _, room, run in
      let room = try room()
      _ = try run(room.port)
      try room.screen.expect("ci: built")
    },
    Trial(
      line: "netchat clint 127.0.0.1:12345 --json | jq -r "
        + "'select(.type == \"chat\") | .from + \": \" + .text'"
    ) { _, room, run in
      let room = try room()
      let clint = try run(room.port)
      try room.screen.expect(prefix: "clint1 joined from ")
      try room.program.type("hello")
      try room.screen.expect("server: hello")
      // jq keeps what it writes into a pipe until its end, and the client stays until it has this
      // back, and so all before it.
      try clint.type("bye")
      try room.screen.expect("clint1: bye")
      clint.closeInput()
      try clint.output.expect("server: hello")
    },
    Trial(
      line: "netchat clint 127.0.0.1:12345 --name ci --say 'deploy?' --expect '^alice: yes' "
        + "--within 600 && ./deploy"
    ) { _, room, run in
      let room = try room()
      let alice = try room.member("alice")
      let clint = try run(room.port)
      try room.screen.expect("ci: deploy?")
      try alice.say("yes")
      try clint.output.expect("deployed")
      #expect(try clint.wait() == 0)
    },
    Trial(line: "netchat host --port 12345 </dev/null >room.txt 2>host.log &") { scene, _, run in
      // `run` waits for what it started; the line's own shell would be gone.
      let shell = try run(nil)
      try shell.output.expect(prefix: "Listening on ")
    },
    Trial(line: "netchat help systemd >/etc/systemd/system/netchat.service") { _, _, run in
      let help = try run(nil)
      #expect(try help.output.rest().contains("[Service]"))
    },
    Trial(line: "netchat selftest") { _, _, run in
      let program = try run(nil)
      let lines = try program.output.rest(within: .seconds(120))
      #expect(lines.last?.hasPrefix("Nothing is wrong: ") == true)
      #expect(try program.wait() == 0)
    },
    Trial(line: "netchat selftest 127.0.0.1:12345") { _, room, run in
      let program = try run(try room().port)
      #expect(try program.wait() == 0)
    },
  ]

  /// A line that opens a room, on any free port.
  private static func opening(_ line: String, mode: String) -> Trial {
    Trial(line: line) { scene, _, run in _ = try Room(try run(nil), in: scene, mode: mode) }
  }

  @Test("every command in README is tried here or by .ci/run")
  func commands() throws {
    let readme = try #require(Self.readme)
    let parts = readme.components(separatedBy: "\n```")
    let lines = parts.filter { $0.hasPrefix("sh\n") }
      .flatMap { $0.split(separator: "\n").dropFirst().map(String.init) }
    let others = [".ci/", ".build/", "swift ", "sudo ", "Tests/"]
    let own = lines.filter { line in !others.contains { line.hasPrefix($0) } }
    #expect(own == Self.trials.map(\.line))
  }

  @Test("a command in README does what it says there", arguments: trials.map(\.line))
  func command(line: String) throws {
    let trial = try #require(Self.trials.first { $0.line == line })
    try Scene.play { scene in
      let folder = try scene.folder()
      for (name, text) in [
        ("build.log", "built\n"), ("deploy", "#!/bin/sh\necho deployed\n"),
      ] {
        let path = "\(folder)/\(name)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
      }
      if line.contains("cert.pem") {
        let gencert = try scene.run("env", "-C", folder, Program.netchat, "gencert")
        #expect(try gencert.wait() == 0)
      }
      let waits =
        line.hasSuffix("&") ? "\nuntil grep -s Listening room.txt; do sleep 0.05; done; wait" : ""
      try trial.play(scene, { try scene.host() }) { port in
        let typed =
          line.replacingOccurrences(of: "12345", with: "\(port ?? 0)")
          .replacingOccurrences(of: ">/etc/systemd/system/netchat.service", with: "") + waits
        let password =
          line == "netchat clint 127.0.0.1:12345" ? ["NETCHAT_PASSWORD=open sesame"] : []
        return try scene.run(
          "env",
          ["-C", folder, "XDG_STATE_HOME=\(folder)", "PATH=\(Program.folder):/usr/bin:/bin"]
            + password + ["bash", "-c", typed])
      }
    }
  }
}
