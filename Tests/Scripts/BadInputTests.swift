import Testing

/// What a host refuses (PROTOCOL.md, section 1), against the real host.
@Suite("bad input")
struct BadInputTests {
  /// A name and a line that is no packet.
  static let badLines: [(String, [UInt8])] = [
    ("no object", Array("[1]".utf8)), ("a text", Array("\"x\"".utf8)),
    ("nothing of JSON", Array("{oops}".utf8)),
    ("an object that does not end", Array("{\"type\":\"who\"".utf8)),
    ("something after the object", Array("{\"type\":\"who\"} x".utf8)),
    ("no type", Array("{}".utf8)), ("a type that is no text", Array("{\"type\":1}".utf8)),
    ("a key twice", Array("{\"type\":\"who\",\"type\":\"who\"}".utf8)),
    ("a key twice, once escaped", Array("{\"type\":\"who\",\"a\":1,\"\\u0061\":2}".utf8)),
    ("a key twice inside", Array("{\"type\":\"who\",\"x\":{\"a\":1,\"a\":1}}".utf8)),
    ("nesting of 9", Array("{\"type\":\"who\",\"x\":[[[[[[[[]]]]]]]]}".utf8)),
    (
      "bytes that are not UTF-8",
      Array("{\"type\":\"who\",\"x\":\"".utf8) + [0xFF] + Array("\"}".utf8)
    ),
    (
      "an overlong form",
      Array("{\"type\":\"who\",\"x\":\"".utf8) + [0xC0, 0x80] + Array("\"}".utf8)
    ),
    (
      "a surrogate in UTF-8",
      Array("{\"type\":\"who\",\"x\":\"".utf8) + [0xED, 0xA0, 0x80] + Array("\"}".utf8)
    ),
    ("half a pair", Array(#"{"type":"who","x":"\ud800"}"#.utf8)),
    ("the other half", Array(#"{"type":"who","x":"\udc00"}"#.utf8)),
    ("a control character", Array("{\"type\":\"who\",\"x\":\"\u{1}\"}".utf8)),
    ("a NUL", Array("{\"type\":\"who\",\"x\":\"\u{0}\"}".utf8)),
    ("an unknown escape", Array(#"{"type":"who","x":"\x"}"#.utf8)),
    ("a number with a zero before", Array("{\"type\":\"who\",\"x\":01}".utf8)),
    ("a plus", Array("{\"type\":\"who\",\"x\":+1}".utf8)),
    ("NaN", Array("{\"type\":\"who\",\"x\":NaN}".utf8)),
    ("a comma too many", Array("{\"type\":\"who\",}".utf8)),
    ("a comment", Array("{\"type\":\"who\"/**/}".utf8)),
    ("a key without quotes", Array("{type:\"who\"}".utf8)),
    ("single quotes", Array("{'type':'who'}".utf8)),
    ("a chat without text", Array("{\"type\":\"chat\"}".utf8)),
    ("a text that is a number", Array("{\"type\":\"chat\",\"text\":1}".utf8)),
    ("text and payload", Array("{\"type\":\"chat\",\"text\":\"a\",\"payload\":\"AAAA\"}".utf8)),
    (
      "a payload in a clear room",
      Array("{\"type\":\"chat\",\"encrypted\":true,\"payload\":\"AAAA\"}".utf8)
    ),
    ("n without sid", Array("{\"type\":\"chat\",\"text\":\"a\",\"n\":1}".utf8)),
    (
      "sid without n", Array("{\"type\":\"chat\",\"text\":\"a\",\"sid\":\"0123456789abcdef\"}".utf8)
    ),
    ("a short sid", Array("{\"type\":\"chat\",\"text\":\"a\",\"sid\":\"0123\",\"n\":1}".utf8)),
    (
      "n of 0",
      Array("{\"type\":\"chat\",\"text\":\"a\",\"sid\":\"0123456789abcdef\",\"n\":0}".utf8)
    ),
    (
      "n of 2^53",
      Array(
        "{\"type\":\"chat\",\"text\":\"a\",\"sid\":\"0123456789abcdef\",\"n\":9007199254740992}"
          .utf8)
    ),
    (
      "n of 1.0",
      Array("{\"type\":\"chat\",\"text\":\"a\",\"sid\":\"0123456789abcdef\",\"n\":1.0}".utf8)
    ),
    (
      "n of 1e0",
      Array("{\"type\":\"chat\",\"text\":\"a\",\"sid\":\"0123456789abcdef\",\"n\":1e0}".utf8)
    ),
    ("a nick without name", Array("{\"type\":\"nick\"}".utf8)),
  ]

  @Test("a member's bad packet is answered by an error, and the connection goes on")
  func afterAdmission() throws {
    try Scene.play { scene in
      let room = try scene.host("--rate", "0")
      let alice = try room.member("alice")
      for (what, line) in Self.badLines {
        try alice.send(line + [0x0A])
        // A line of no object is no text either, once a packet has come.
        let answer = try alice.expect("error")
        #expect(answer["code"] == "invalid_packet", "\(what)")
      }
      try alice.send([0xEF, 0xBB, 0xBF] + Array("{\"type\":\"who\"}\n".utf8))
      #expect(try alice.expect("error")["code"] == "invalid_packet", "a byte order mark")
      try alice.sendLine("{\"type\":\"who\"}")
      #expect(try alice.packet().type == "members")
      #expect(try room.screen.all(for: .milliseconds(50)).count == 3, "nobody else hears of it")
    }
  }

  @Test("before admission a bad packet ends the connection")
  func beforeAdmission() throws {
    try Scene.play { scene in
      let room = try scene.host()
      for (what, line) in Self.badLines where line[0] == UInt8(ascii: "{") {
        let client = try room.connect()
        try client.expect("hello")
        try client.send(line + [0x0A])
        // Two of them are packets, only not yet allowed.
        let answer = try client.packet()
        #expect(["error", "auth_result"].contains(answer.type), "\(what): \(answer)")
        #expect(answer.type == "error" || answer["ok"] == "false", "\(what)")
        #expect(try client.lines.rest() == [], "\(what)")
      }
      _ = try room.member("alice")
      try room.screen.expect("+ Total connected clints: [1]")
      #expect(!room.screen.taken.contains { $0.hasPrefix("clint") }, "nobody got in before")
    }
  }

  @Test("before admission any packet but auth, ping and bye ends the connection")
  func notAllowedYet() throws {
    try Scene.play { scene in
      let room = try scene.host()
      for line in [
        "{\"type\":\"chat\",\"text\":\"hi\"}", "{\"type\":\"who\"}",
        "{\"type\":\"nick\",\"name\":\"x\"}",
        "{\"type\":\"auth_confirm\",\"confirm\":\"AAAA\"}",
      ] {
        let client = try room.connect()
        try client.sendLine(line)
        try client.expect("hello")
        let answer = try client.packet()
        #expect(answer.type == "auth_result")
        #expect(answer["reason"] == "Authentication required.")
        #expect(try client.lines.rest() == [])
      }
    }
  }

  @Test("a line of 65,536 bytes passes, one more ends the connection, before and after admission")
  func longLines() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let alice = try room.member("alice")
      let frame = "{\"type\":\"chat\",\"text\":\"\"}\n".utf8.count
      let longest = String(repeating: "a", count: 65_536 - frame)
      try alice.sendLine("{\"type\":\"chat\",\"text\":\"\(longest)\"}")
      #expect(try alice.expect("chat")["text"] == longest)
      try alice.sendLine("{\"type\":\"chat\",\"text\":\"a\(longest)\"}")
      #expect(try alice.expect("error")["code"] == "too_long")
      #expect(try alice.lines.rest().allSatisfy { !$0.contains("\"chat\"") })
      try room.screen.expect("alice disconnected.")

      let endless = try room.member("endless")
      try endless.send(String(repeating: "x", count: 65_536))
      #expect(try endless.expect("error")["code"] == "too_long")

      let stranger = try room.connect()
      try stranger.send(
        "{\"type\":\"auth\",\"version\":2,\"x\":\"\(String(repeating: "y", count: 9000))\"}\n")
      try stranger.expect("hello")
      #expect(try stranger.packet().type == "error")
      #expect(try stranger.lines.rest() == [])
    }
  }

  @Test("white space is no packet, a CR before the LF is no part of one, what has no LF is dropped")
  func framing() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let alice = try room.member("alice")
      try alice.send("\n \t \r\n\r\n{\"type\":\"who\"}\r\n")
      #expect(try alice.expect("members")["total"] == "1")
      #expect(try alice.lines.all(for: .milliseconds(50)) == [])
      let bob = try room.member("bob")
      try bob.send("{\"type\":\"chat\",\"text\":\"unfinished\"}")
      bob.finishSending()
      #expect(try bob.lines.rest().allSatisfy { !$0.contains("unfinished") })
      for byte in "{\"type\":\"who\",\"unknown\":[{\"a\":null}]}\n" { try alice.send(String(byte)) }
      try alice.expect("members")
      try alice.sendLine("{\"type\":\"no such type\"}")
      try alice.sendLine("{\"type\":\"ping\"}")
      try alice.expect("pong")
    }
  }

  @Test("a client that begins TLS leaves no line at the host, nor does one that only looks in")
  func probes() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let probe = try room.connect()
      try probe.send([0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3])
      let answer = try probe.lines.rest()
      #expect(answer.count <= 1 && answer.allSatisfy { $0.contains("\"hello\"") })
      let look = try room.connect()
      look.close()
      let openssl = try scene.run(
        "openssl", "s_client", "-connect", "127.0.0.1:\(room.port)", "-quiet")
      #expect(try openssl.wait() != 0)
      let alice = try room.member("alice")
      #expect(try room.screen.next() == "Connection from \(alice.address)")
    }
  }

  @Test("an HTTP request is answered 400 and cannot talk")
  func http() throws {
    try Scene.play { scene in
      let room = try scene.host()
      for request in ["GET / HTTP/1.1", "POST /chat HTTP/1.0", "OPTIONS * HTTP/1.1"] {
        let browser = try room.connect()
        try browser.send("\(request)\r\nHost: localhost\r\n\r\n{\"type\":\"auth\"}\r\nhello\r\n")
        try browser.lines.expect("HTTP/1.1 400 Bad Request\r")
        #expect(try !browser.lines.rest().contains { $0.contains("auth_result") })
      }
      _ = try room.member("alice")
      try room.screen.expect("+ Total connected clints: [1]")
      #expect(!room.screen.taken.contains { $0.contains("hello") })
    }
  }

  @Test("a text client has its commands, and its last line needs no end")
  func textClient() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let text = try room.connect()
      try text.send("hi\r\n/nick zoe\n//slash\n/who\n/what\n")
      try text.lines.expect("clint1: hi")
      try text.lines.expect("clint1 is now known as zoe.")
      try text.lines.expect("zoe: /slash")
      try text.lines.expect("Members [1]: zoe")
      try text.lines.expect("! Commands: /nick NAME, /who, /quit; //text says /text.")
      try text.send([0xFF, 0xFE, 0x0A])
      try text.lines.expect("! That line is not valid UTF-8.")
      try text.send("the end")
      text.finishSending()
      try room.screen.expect("zoe: the end")
      try room.screen.expect("zoe disconnected.")
      let quitter = try room.connect()
      try quitter.send("hello\n/quit\n")
      try quitter.lines.expect("clint2: hello")
      _ = try quitter.lines.rest()
    }
  }
}
