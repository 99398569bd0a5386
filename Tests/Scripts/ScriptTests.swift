import Glibc
import Testing

/// What scripts do with a client: --say, --expect, --json-input.
@Suite("scripts")
struct ScriptTests {
  @Test("--say says one message, and ends once it is in the room")
  func say() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let clint = try room.clint("--name", "ci", "--say", "it's done: 100 %")
      #expect(try clint.wait() == 0)
      try room.screen.expect("ci: it's done: 100 %")
      #expect(try clint.errors.rest() == [])
    }
  }

  @Test("--expect prints the first new message of another that matches, and nothing else")
  func expect() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let alice = try room.member("alice")
      try alice.say("yes, long ago")
      try alice.expect("chat")
      let clint = try room.clint(
        "--name", "ci", "--history", "10", "--say", "alice: yes or no?", "--expect",
        "^alice: (yes|no)$")
      try alice.expect("chat", "text", "alice: yes or no?")
      for text in ["yes or no?", "alice: yes", "yes"] { try alice.say(text) }
      #expect(try clint.wait() == 0)
      #expect(try clint.output.rest() == ["alice: yes"])
      #expect(try clint.errors.rest() == [])
      let json = try room.clint("--json", "--expect", "caf. ole")
      try alice.expect("count", "total", "2")
      try alice.say("café ole")
      #expect(try json.wait() == 0)
      let packets = try json.output.rest().map(Packet.init)
      #expect(packets.count == 1 && packets[0]["text"] == "café ole")
    }
  }

  @Test("when nothing matches in time the status is 5")
  func within() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let clint = try room.clint("--say", "anybody?", "--expect", "anybody", "--within", "0.4")
      #expect(try clint.wait() == 5)
      #expect(try clint.output.rest() == [])
      #expect(try clint.errors.rest() == ["netchat: no message matched in time"])
      try room.screen.expect("clint1: anybody?")
    }
  }

  @Test("a bad regular expression, and nothing to say, are wrong usage")
  func wrong() throws {
    try Scene.play { scene in
      let expect = try scene.netchat("clint", "127.0.0.1:1", "--expect", "alice: (yes")
      #expect(try expect.wait() == 2)
      let said = try expect.errors.rest()
      #expect(said.first?.hasPrefix("netchat: 'alice: (yes' is not a regular expression: ") == true)
      #expect(try scene.netchat("clint", "127.0.0.1:1", "--say", " ").wait() == 2)
      #expect(try scene.netchat("clint", "127.0.0.1:1", "--within", "3").wait() == 2)
    }
  }

  @Test("--json-input takes packets, and waits for the answers")
  func jsonInput() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let alice = try room.member("alice")
      let clint = try room.clint("--name", "robot", "--json", "--json-input")
      for line in [
        "{\"type\":\"chat\",\"text\":\"one\"}", "",
        "{\"type\":\"chat\",\"text\":\"psst\",\"to\":\"alice\"}",
        "{\"type\":\"nick\",\"name\":\"android\"}", "{\"type\":\"chat\",\"text\":\"two\"}",
        "{\"type\":\"who\"}", "{\"type\":\"ping\"}", "{\"type\":\"bye\"}",
        "{\"type\":\"chat\",\"text\":\"too late\"}",
      ] { try clint.type(line) }
      #expect(try clint.wait() == 0)
      let types = try clint.output.rest().map { try Packet($0)["type"] }
      #expect(types.suffix(2) == ["members", "pong"])
      let one = try alice.expect("chat", "text", "one")
      #expect(one["from"] == "robot")
      #expect(try alice.expect("chat", "text", "psst")["to"] == "alice")
      #expect(try alice.expect("chat", "text", "two")["from"] == "android")
      try room.screen.expect("android disconnected.")
    }
  }

  @Test("--json-input says what it does not understand, by its line, and ends with status 1")
  func wrongInput() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let clint = try room.clint("--json-input")
      for line in [
        "hello", "{\"type\":\"dance\"}", "{\"type\":\"chat\"}",
        "{\"type\":\"chat\",\"encrypted\":true,\"payload\":\"AAAA\"}",
        "{\"type\":\"chat\",\"text\":\"x\",\"to\":\"nobody\"}",
        "{\"type\":\"chat\",\"text\":\"this one\"}",
      ] { try clint.type(line) }
      clint.closeInput()
      #expect(try clint.wait() == 1)
      try room.screen.expect("clint1: this one")
      let said = try clint.errors.rest()
      #expect(said.count == 5, "\(said)")
      for number in 1...4 {
        #expect(said[number - 1].hasPrefix("netchat: Line \(number) was not said: "))
      }
      #expect(said[4].hasPrefix("netchat: Not said: x: "))
    }
  }
}
