import Glibc
import Testing

/// A client whose standard output is open, and not read.
@Suite("unread output")
struct OutputTests {
  /// A room, and a client in it whose output nobody reads; the client's standard error is the
  /// shell's, which first gives its process id.
  private func play(
    _ arguments: String...,
    script: (Room, RawConnection, _ shell: Program, _ clint: pid_t) throws -> Void
  ) throws {
    try Scene.play { scene in
      let program = try scene.run(
        Program.netchat, ["host", "--port", "0", "--rate", "0"] + arguments)
      let room = try Room(program, in: scene)
      let alice = try room.member("alice")
      let shell = try scene.shell(
        "{ sh -c 'echo $$ >&2; exec \"$0\" clint --name deaf \"$1\"' \"$0\" \"$1\"; "
          + "echo status $? >&2; } | sleep 60", "127.0.0.1:\(room.port)")
      let number = pid_t(try shell.errors.next() ?? "") ?? 0
      try #require(number > 1)
      try alice.expect("count", "total", "2")
      try script(room, alice, shell, number)
    }
  }

  private let filling = String(repeating: "x", count: 60_000)

  @Test("does not keep a client from ending when it is told to", arguments: [SIGTERM, SIGINT])
  func ends(signal: Int32) throws {
    try play { room, alice, shell, clint in
      for number in 1...20 { try alice.say("\(number) \(filling)") }
      try alice.lines.expect("20") { $0.contains("\"20 xxx") }
      kill(clint, signal)
      try shell.errors.expect("status 0")
      try alice.expect("system", "text", "deaf disconnected.")
    }
  }

  @Test("makes a client stop reading, and the room cuts it by its own rule")
  func isCut() throws {
    try play("--max-lag", "65536") { room, alice, shell, clint in
      // At most what the kernel holds between the two, and 8 times --max-lag beyond: then at once.
      var isGone = false
      for number in stride(from: 20, through: 400, by: 20) where !isGone {
        for number in number - 19...number { try alice.say("\(number) \(filling)") }
        let (_, passed) = try alice.lines.expect("\(number)") { $0.contains("\"\(number) xxx") }
        isGone = passed.contains { $0.contains("deaf disconnected.") }
      }
      #expect(isGone)
      kill(clint, SIGTERM)
      try shell.errors.expect("status 0")
    }
  }
}
