import Testing

/// Nothing from outside can steer a terminal or pass for another line.
@Suite("display")
struct DisplayTests {
  /// As JSON, and as it is shown.
  static let texts = [
    ("\\u001b[2J\\u0007", "␛[2J␇"), ("a\\u009b2Jb", "a‹U+009B›2Jb"),
    ("\\u202egnp.exe", "‹U+202E›gnp.exe"), ("a\\rb\\tc\\u0000d\\u007f", "a␍b␉c␀d␡"),
    ("one\\u2028two", "one‹U+2028›two"), ("\\u2066x\\u2069", "‹U+2066›x‹U+2069›"),
    ("\u{202E}unescaped\u{9B}", "‹U+202E›unescaped‹U+009B›"),
  ]

  @Test("control, C1 and bidirectional characters are shown and do nothing")
  func inertTexts() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let alice = try room.member("alice")
      let clint = try room.clint()
      try clint.output.expect("+ Total connected clints: [2]")
      let text = try room.connect()
      try text.send("\u{1B}]0;title\u{7}\n")
      try alice.expect("chat", "from", "clint2")
      for (sent, _) in Self.texts { try alice.say(sent) }
      for stream in [room.screen, clint.output, text.lines] {
        try stream.expect { $0.hasSuffix(": ␛]0;title␇") }
        for (_, shown) in Self.texts { #expect(try stream.next() == "alice: \(shown)") }
        #expect(stream.taken.allSatisfy(isInert))
      }
    }
  }

  @Test("a line feed in a text cannot make a line of another's")
  func lineFeeds() throws {
    try Scene.play { scene in
      let room = try scene.host()
      let alice = try room.member("alice")
      let clint = try room.clint()
      try clint.output.expect("+ Total connected clints: [2]")
      try alice.say("hi\\nserver: you are fired\\n+ Total connected clints: [0]")
      for stream in [room.screen, clint.output] {
        try stream.expect("alice: hi")
        #expect(try stream.next() == "    server: you are fired")
        #expect(try stream.next() == "    + Total connected clints: [0]")
      }
    }
  }

  @Test("with --json such characters stay in the text, escaped")
  func json() throws {
    try Scene.play { scene in
      let host = try scene.netchat("host", "--port", "0", "--json")
      let port = UInt16(try Packet(try host.output.next() ?? "")["port"] ?? "") ?? 0
      let alice = try scene.connect(port)
      try alice.join("alice")
      let clint = try scene.netchat("clint", "--json", "127.0.0.1:\(port)")
      try clint.output.expect { $0.contains("\"count\"") }
      for (sent, _) in Self.texts {
        try alice.say(sent)
        let plain = try Packet("{\"type\":\"x\",\"text\":\"\(sent)\"}")["text"]
        for stream in [host.output, clint.output] {
          let line = try stream.expect { $0.contains("\"chat\"") }.line
          #expect(isInert(line))
          #expect(try Packet(line)["text"] == plain)
        }
      }
    }
  }

  @Test(
    "no name can hold such characters",
    arguments: [
      "\\u001b[2J", "a\\u202eb", "a\\nb", "a:b", "server", "SERVER", " a", "a  b", "a\\u200bb", "",
      "abcdefghijklmnopqrstuvwxyz", "\\ud83d\\ude00\\u2028",
    ])
  func names(name: String) throws {
    try Scene.play { scene in
      let room = try scene.host()
      let stranger = try room.connect()
      try stranger.sendLine("{\"type\":\"auth\",\"version\":2,\"name\":\"\(name)\"}")
      #expect(try stranger.expect("auth_result")["reason"] == "Invalid name.")
      let alice = try room.member("alice")
      try alice.sendLine("{\"type\":\"nick\",\"name\":\"\(name)\"}")
      #expect(try alice.expect("error")["code"] == "invalid_name")
      let text = try room.connect()
      try text.send("hi\n")
      try text.lines.expect("a text") { $0.hasSuffix(": hi") }
    }
  }

  @Test("whatever a host sends, names, texts and reasons are shown inert")
  func hostileHost() throws {
    try Scene.play { scene in
      let evil = "\\u001b[2J\\u009b\\u202e"
      let hello = "{\"type\":\"hello\",\"secure\":false}\n"
      let admitted = hello + "{\"type\":\"auth_result\",\"ok\":true,\"client_name\":\"\(evil)\"}\n"
      let scripts = [
        admitted + "{\"type\":\"chat\",\"from\":\"\(evil)\\nserver\",\"text\":\"\(evil)\"}\n"
          + "{\"type\":\"system\",\"text\":\"\(evil)\\n+ Total connected clints: [0]\"}\n"
          + "{\"type\":\"error\",\"code\":\"x\",\"reason\":\"\(evil)\\nx\"}\n"
          + "{\"type\":\"members\",\"total\":1,\"names\":[\"\(evil)\\nx\"]}\n"
          + "{\"type\":\"bye\",\"code\":\"x\",\"reason\":\"\(evil)\\nx\"}\n",
        hello + "{\"type\":\"auth_result\",\"ok\":false,\"reason\":\"\(evil)\\nx\"}\n",
        hello + "{\"type\":\"error\",\"code\":\"\(evil)\",\"reason\":\"\(evil)\\nx\"}\n",
        "\u{1B}[2J\u{202E}\n",
      ]
      for script in scripts {
        for format in [[], ["--json"]] {
          let server = try scene.run(
            "python3", "-c",
            "import socket,sys,time; s=socket.create_server(('127.0.0.1',0)); "
              + "print(s.getsockname()[1],flush=True); c,_=s.accept(); "
              + "c.sendall(sys.argv[1].encode()); time.sleep(0.3)", script)
          let port = try server.output.next() ?? ""
          let clint = try scene.run(Program.netchat, ["clint", "127.0.0.1:\(port)"] + format)
          #expect(try clint.wait() > 0)
          let lines = try clint.output.rest() + clint.errors.rest()
          #expect(!lines.isEmpty)
          #expect(lines.allSatisfy(isInert), "\(lines)")
          #expect(!lines.contains { $0.hasPrefix("+") || $0.hasPrefix("server") || $0 == "x" })
        }
      }
    }
  }

  private func isInert(_ line: String) -> Bool {
    line.unicodeScalars.allSatisfy { scalar in
      switch scalar.value {
      case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: false
      default: true
      }
    }
  }
}
