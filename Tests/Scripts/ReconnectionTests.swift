import ChatClient
import ChatCore
import Foundation
import Glibc
import Testing

/// Connections that are lost, between real programs.
@Suite("lost connections")
struct ReconnectionTests {
  private func proxy(_ scene: Scene, to port: UInt16, seed: Int, cuts: Int) throws
    -> (program: Program, port: UInt16)
  {
    let path = Bundle.module.path(forResource: "cutting_proxy", ofType: "py") ?? ""
    let program = try scene.run("python3", path, "\(port)", "\(seed)", "\(cuts)")
    return (program, try number(program.output.next()))
  }

  private func number(_ line: String?) throws -> UInt16 {
    guard let port = line.flatMap({ UInt16($0) }) else {
      throw Missed(description: "no port in \(line ?? "nothing")")
    }
    return port
  }

  @Test(
    "cut 100 times at random places, two clients lose nothing and double nothing",
    arguments: [false, true])
  func cuts(isSecure: Bool) throws {
    try Scene.play { scene in
      let room =
        try isSecure
        ? scene.secureHost("--rate", "0", "--history", "100000")
        : scene.host("--rate", "0", "--history", "100000")
      let proxy = try proxy(scene, to: room.port, seed: isSecure ? 11 : 7, cuts: 100)
      let password = isSecure ? "open sesame" : nil
      let names = ["alice", "bob"]
      let count = 4_000
      let talkers = names.map { Talker($0, at: proxy.port, saying: count, password: password) }
      try Talker.expectAllHeard(talkers, names, count: count)
      let cuts = try proxy.program.output.all(for: .milliseconds(100)).count { $0 == "cut" }
      #expect(cuts == 100)
      for talker in talkers {
        #expect(
          talker.told.allSatisfy { note in
            switch note {
            case .lost, .reconnected(.missed): true
            default: false
            }
          })
        #expect(try talker.leave() == .done)
      }
    }
  }

  @Test("a host that is killed and started again: what is missing is said, what was typed is said")
  func killedHost() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let alice = try room.clint("--name", "alice")
      try alice.output.expect("+ Total connected clints: [1]")
      let json = try room.clint("--name", "robot", "--json")
      try alice.output.expect("+ Total connected clints: [2]")
      try alice.type("before")
      try alice.output.expect("alice: before")
      // Who is lost before it was let in does not come again.
      try json.output.expect("what was said before") { $0.contains("\"before\"") }
      room.program.kill()
      #expect(
        try alice.errors.next()?.hasPrefix("netchat: Connection lost: ") == true)
      try alice.type("typed meanwhile")
      let again = try scene.netchat("host", "--port", "\(room.port)")
      let second = try Room(again, in: scene)
      try second.screen.expect("alice: typed meanwhile", within: .seconds(20))
      #expect(
        try alice.errors.next()
          == "netchat: Reconnected. The host began a new room: what was said meanwhile is missing.")
      try alice.output.expect("alice: typed meanwhile")
      try json.output.expect(within: .seconds(20)) { $0.contains("\"event\":\"join\"") }
      try alice.type("and after")
      alice.closeInput()
      try second.screen.expect("alice: and after")
      #expect(try alice.wait() == 0)
      #expect(try alice.errors.rest() == [])
    }
  }

  @Test("a host that is silent is found out, and joined again when it speaks")
  func silentHost() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let proxy = try proxy(scene, to: room.port, seed: 1, cuts: 0)
      let alice = Talker("alice", at: proxy.port, saying: 1, silence: 200)
      try alice.wait(for: "own word") { chats, _ in chats == ["alice: 1"] }
      let bob = try room.member("bob")
      usleep(1_000_000)
      #expect(alice.told == [], "pings are answered")
      proxy.program.send(SIGSTOP)
      try alice.wait(for: "loss") { _, notes in notes == [.lost(reason: "the host is silent")] }
      try bob.say("missed")
      proxy.program.send(SIGCONT)
      try alice.wait(for: "return") { chats, notes in
        notes.last == .reconnected(.missed(messages: 1, isAll: true))
          && chats.last == "bob: missed"
      }
      #expect(try alice.leave() == .done)
    }
  }

  @Test("a host that says goodbye for good is left alone, with its reason")
  func goodbye() throws {
    for code in ["kicked", "taken_over", "shutdown"] {
      try Scene.play { scene in
        let (host, port) = try stub(scene, [code])
        let clint = try scene.netchat("clint", "127.0.0.1:\(port)")
        #expect(try clint.wait() == 3)
        #expect(
          try clint.errors.rest() == [
            "netchat: connection closed by remote host"
              + (code == "shutdown" ? "" : ": The reason.")
          ])
        #expect(try host.output.all(for: .milliseconds(100)) == ["connection"])
      }
    }
  }

  @Test("one that is cut as too slow comes again", arguments: ["too_slow", "timeout"])
  func tooSlow(code: String) throws {
    try Scene.play { scene in
      let (host, port) = try stub(scene, [code])
      let clint = try scene.netchat("clint", "127.0.0.1:\(port)")
      try host.output.expect("connection")
      try host.output.expect("connection")
      #expect(
        try clint.errors.next() == "netchat: Connection lost: The reason; trying again.")
    }
  }

  @Test("a full room is tried again, one that bans is not")
  func refusals() throws {
    try Scene.play { scene in
      for (words, status, last) in [
        (
          ["timeout", "Room is full.", "kicked"], 3, "connection closed by remote host: The reason."
        ),
        (["timeout", "Banned."], 1, "Banned."),
      ] {
        let (host, port) = try stub(scene, words)
        let clint = try scene.netchat("clint", "127.0.0.1:\(port)")
        #expect(try clint.wait(within: .seconds(20)) == status)
        #expect(try clint.errors.rest().last == "netchat: \(last)")
        let connections = try host.output.all(for: .milliseconds(100))
        #expect(connections == words.map { _ in "connection" })
      }
    }
  }

  @Test("what came of what was missed is shown, although the host then refuses")
  func heldAtRefusal() throws {
    try Scene.play { scene in
      let (_, port) = try stub(scene, ["timeout", "cut", "Banned."])
      let clint = try scene.netchat("clint", "127.0.0.1:\(port)")
      #expect(try clint.wait(within: .seconds(20)) == 1)
      #expect(try clint.errors.rest().last == "netchat: Banned.")
      #expect(try clint.output.rest().last == "bob: missed")
    }
  }

  @Test("a secure room that was opened anew is joined by the same password, and by no other")
  func secureAnew() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let alice = try scene.clint(room.port, password: "open sesame", "--name", "alice")
      try alice.output.expect("+ Total connected clints: [1]")
      room.program.kill()
      try alice.type("typed meanwhile")
      let second = try open("open sesame", room.port, scene)
      try second.output.expect("alice: typed meanwhile", within: .seconds(20))
      try alice.output.expect("alice: typed meanwhile")
      second.kill()
      _ = try open("another", room.port, scene)
      #expect(try alice.wait(within: .seconds(30)) == 1)
      #expect(
        try alice.errors.rest().last
          == "netchat: Authentication failed: wrong password, or someone is in the middle.")
    }
  }

  @Test("a secure room that has become another kind of room is not joined")
  func downgrade() throws {
    try Scene.play { scene in
      let room = try scene.secureHost()
      let alice = try scene.clint(room.port, password: "open sesame", "--name", "alice")
      try alice.output.expect("+ Total connected clints: [1]")
      room.program.kill()
      try alice.type("a secret")
      let clear = try scene.netchat("host", "--port", "\(room.port)", "--json")
      #expect(try alice.wait(within: .seconds(30)) == 4)
      clear.send(SIGTERM)
      #expect(try clear.output.rest().allSatisfy { !$0.contains("secret") })
      #expect(try alice.errors.rest().contains { $0.contains("is not encrypted") })
    }
  }

  @Test("what the host said last is heard, whatever is being sent to it")
  func lastWords() throws {
    try Scene.play { scene in
      for _ in 1...5 {
        let (host, port) = try stub(scene, ["kicked"])
        let clint = try scene.shell("seq 5000 | \"$0\" clint 127.0.0.1:\(port)")
        #expect(try clint.wait() == 4)
        #expect(try clint.errors.next()?.hasPrefix("netchat: it is not known ") == true)
        #expect(try host.output.all(for: .milliseconds(100)) == ["connection"])
      }
    }
  }

  private func open(_ password: String, _ port: UInt16, _ scene: Scene) throws -> Program {
    let program = try scene.run(
      "env",
      ["NETCHAT_PASSWORD=\(password)", Program.netchat, "host", "--port", "\(port)", "--secure"])
    try program.output.expect(prefix: "Listening on ")
    return program
  }

  private func stub(_ scene: Scene, _ words: [String]) throws -> (Program, UInt16) {
    let path = Bundle.module.path(forResource: "stub_host", ofType: "py") ?? ""
    let host = try scene.run("python3", [path] + words)
    return (host, try number(host.output.next()))
  }

  @Test("a client that is told to end while it waits for its host ends at once")
  func endsWhileLost() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let alice = try room.clint("--name", "alice")
      let bob = try room.clint("--name", "bob")
      for clint in [alice, bob] { try clint.output.expect("+ Total connected clints: [2]") }
      room.program.kill()
      for clint in [alice, bob] { _ = try clint.errors.next() }
      try bob.type("does this arrive?")
      try bob.waitUntilRead()
      for clint in [alice, bob] { clint.send(SIGTERM) }
      #expect(try alice.wait(within: .seconds(2)) == 0)
      #expect(try bob.wait(within: .seconds(2)) == 4)
    }
  }
}
