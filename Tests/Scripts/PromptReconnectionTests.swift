import Foundation
import Glibc
import Testing

/// Connections that are lost while somebody sits at the prompt.
@Suite("lost connections at the prompt")
struct PromptReconnectionTests {
  /// A way to a room that can be cut and opened again.
  private func way(_ scene: Scene, _ port: UInt16, to room: UInt16) throws -> Program {
    let program = try scene.run(
      "socat", "-d", "-d", "TCP-LISTEN:\(port),bind=127.0.0.1,reuseaddr,fork",
      "TCP:127.0.0.1:\(room)")
    try program.errors.expect { $0.contains("listening on") }
    return program
  }

  @Test("it is said once, Enter tries at once, and what was missed comes with its count")
  func missed() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let bob = try room.member("bob")
      let port = scene.freePort()
      let first = try way(scene, port, to: room.port)
      let screen = try scene.terminal(
        [Program.netchat, "clint", "127.0.0.1:\(port)", "--name", "alice"])
      try screen.wait(forLine: "", columns: 60)
      try bob.say("before")
      try screen.wait(forRow: "bob: before")
      first.kill()
      try screen.wait(for: "the loss") { picture in
        picture.rows.contains { $0.hasPrefix("! Connection lost: ") }
      }
      for number in 1...4 { try bob.say("missed \(number)") }
      try screen.enter("said meanwhile")
      try screen.type("half a line")
      try screen.wait(forLine: "half a line", below: "… alice: said meanwhile", columns: 60)
      _ = try way(scene, port, to: room.port)
      // It would come again by itself, but later.
      try screen.press("Enter")
      try screen.wait(forLine: "", below: "alice: half a line", columns: 60)
      try bob.expect("chat", "text", "said meanwhile")
      try bob.expect("chat", "text", "half a line")
      let shown = try screen.scrollback()
      let end = try #require(shown.firstIndex { $0.hasPrefix("! Reconnected") })
      #expect(
        shown[end...].filter { $0 != ">" } == [
          "! Reconnected, 4 messages missed.", "bob: missed 1", "bob: missed 2", "bob: missed 3",
          "bob: missed 4", "alice: said meanwhile", "alice: half a line",
        ])
      #expect(shown.count { $0.hasPrefix("! Connection lost") } == 1)
    }
  }

  @Test("a host that was killed is waited for; the new room says what is missing")
  func killed() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let screen = try scene.terminal(
        columns: 100, [Program.netchat, "clint", "127.0.0.1:\(room.port)", "--name", "alice"])
      try screen.wait(forLine: "", columns: 100)
      room.program.kill()
      try screen.wait(for: "the loss") { picture in
        picture.rows.contains { $0.hasPrefix("! Connection lost: ") }
      }
      try screen.enter("said meanwhile")
      try screen.type("half a line")
      let again = try scene.netchat("host", "--port", "\(room.port)")
      let second = try Room(again, in: scene)
      try second.screen.expect("alice: said meanwhile", within: .seconds(20))
      try screen.wait(forLine: "half a line", below: "alice: said meanwhile", columns: 100)
      #expect(
        try screen.picture().rows.contains(
          "! Reconnected. The host began a new room: what was said meanwhile is missing."))
    }
  }

  @Test("a host with a log that was killed is the same room again: nothing missing, nothing twice")
  func killedWithLog() throws {
    try Scene.play { scene in
      let log = "\(try scene.folder())/room.log"
      let room = try scene.host("--log", log)
      let screen = try scene.terminal(
        columns: 100, [Program.netchat, "clint", "127.0.0.1:\(room.port)", "--name", "alice"])
      try screen.wait(forLine: "", columns: 100)
      try screen.enter("before")
      try screen.wait(forLine: "", below: "alice: before", columns: 100)
      room.program.kill()
      try screen.wait(for: "the loss") { picture in
        picture.rows.contains { $0.hasPrefix("! Connection lost: ") }
      }
      try screen.enter("said meanwhile")
      try screen.type("half a line")
      let again = try scene.netchat("host", "--port", "\(room.port)", "--log", log)
      _ = try Room(again, in: scene)
      try screen.wait(forLine: "half a line", below: "alice: said meanwhile", columns: 100)
      let shown = try screen.scrollback()
      let end = try #require(shown.firstIndex { $0.hasPrefix("! Reconnected") })
      #expect(shown[end...] == ["! Reconnected.", "alice: said meanwhile", "> half a line"])
      #expect(shown.count { $0 == "alice: before" } == 1)
    }
  }

  @Test("a host that shuts down is not stormed, and --no-reconnect ends with status 3")
  func shutdown() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let screens = try [[], ["--no-reconnect"]].map { options in
        let screen = try scene.terminal(
          [Program.netchat, "clint", "127.0.0.1:\(room.port)"] + options)
        try screen.wait(forLine: "", columns: 60)
        return screen
      }
      room.program.send(SIGTERM)
      #expect(try screens[1].waitForEnd() == 3)
      try screens[0].wait(forLine: "", below: "! Connection closed by remote host.", columns: 60)
      // Words may be written meanwhile.
      try screens[0].type("still there?")
      try screens[0].wait(forLine: "still there?", columns: 60)
      try screens[0].press("C-c")
      try screens[0].wait(forLine: "", columns: 60)
      try screens[0].press("C-c")
      #expect(try screens[0].waitForEnd() == 0)
    }
  }
}
