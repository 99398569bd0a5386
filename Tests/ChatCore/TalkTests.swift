import Testing

@testable import ChatCore

@Suite struct TalkTests {
  @Test("everybody, the sender too, gets each public packet in the same order, ids from 1 on")
  func order() {
    let host = TestRoom()
    let peers = ["a", "b", "c"].map { host.member($0) }
    for round in 0..<20 { peers[round % 3].say("\(round)") }
    let expected = (0..<20).map { "\(["a", "b", "c"][$0 % 3]): \($0) #\($0 + 4)" }
    for peer in peers { #expect(peer.take() == expected) }
    #expect(host.lastID == 23)
  }

  @Test("a chat packet is word for word that of the protocol")
  func words() {
    let host = TestRoom()
    let alice = host.member("alice")
    alice.say("hi", n: 7)
    let time = host.moment.unixMilliseconds
    #expect(
      alice.takeLines() == [
        "{\"type\":\"chat\",\"encrypted\":false,\"from\":\"alice\",\"text\":\"hi\",\"id\":2,"
          + "\"time\":\(time),\"sid\":\"0123456789abcdef\",\"n\":7}"
      ])
  }

  @Test(
    "a text is passed on as its sender escaped it, byte for byte",
    arguments: [
      "plain", "\\u0041\\u00e9\\u00E9", "\\/\\\"\\\\\\b\\f\\n\\r\\t", "\\ud83d\\ude00😀",
      "\u{7F}\u{2028}",
      "\\u001b[2J", "\\u0022,\\u0022id\\u0022:99", "é e\u{301}", "  x  ",
    ])
  func asItCame(_ raw: String) {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    _ = alice.take()
    alice.say(raw)
    alice.say(raw, to: "bob")
    for peer in [alice, bob] {
      let lines = peer.takeLines()
      #expect(lines.count == 2)
      for line in lines { #expect(line.contains("\"text\":\"\(raw)\",")) }
    }
  }

  @Test("a private message goes to the two only, in order with what is public")
  func privately() {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    let carol = host.member("carol")
    host.settleReading()
    alice.say("one")
    alice.say("secret", n: 1, to: "BOB")
    bob.say("two")
    bob.say("back", to: "alice")
    alice.say("self", to: "alice")
    let both = ["alice: one #4", "alice->bob: secret n=1", "bob: two #5", "bob->alice: back"]
    #expect(alice.take() == both + ["alice->alice: self"])
    #expect(bob.take() == both)
    #expect(carol.take() == ["alice: one #4", "bob: two #5"])
    alice.say("x", n: 2, to: "nobody")
    alice.say("x", to: "nobody")
    #expect(alice.take() == ["error no_such_member n=2", "error no_such_member"])
    // That n may be used again.
    alice.say("y", n: 2)
    #expect(alice.take() == ["alice: y #6 n=2"])
  }

  @Test("private messages keep their place for one that reads slowly")
  func slowReader() {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    host.settleReading()
    bob.isStuck = true
    for number in 0..<50 { alice.say("\(number)", to: number % 2 == 0 ? "bob" : nil) }
    bob.isStuck = false
    let texts = bob.take().map { $0.split(separator: " ")[1] }
    #expect(texts == (0..<50).map { "\($0)" })
  }

  @Test("a text only of white space is dropped, and acknowledged if it had an n")
  func blank() {
    let host = TestRoom()
    let alice = host.member("alice")
    for text in ["", "  ", "\\n\\t", "\u{3000}", "\\u2003"] {
      alice.say(text)
      #expect(alice.take() == [])
      alice.say(text, n: 5)
      #expect(alice.take() == ["ack 5"])
      alice.say(text, n: 5, to: "alice")
      #expect(alice.take() == ["ack 5"])
    }
    #expect(host.lastID == 1)
  }

  @Test("a repeated n is acknowledged and not relayed; a growing one is, with gaps too")
  func repetition() {
    let host = TestRoom()
    let alice = host.member("alice")
    alice.say("a", n: 1)
    alice.say("a", n: 1)
    alice.say("b", n: 5)
    alice.say("c", n: 4)
    alice.say("d", n: 6, to: "alice")
    alice.say("d", n: 6)
    #expect(
      alice.take() == [
        "alice: a #2 n=1", "ack 1", "alice: b #3 n=5", "ack 4", "alice->alice: d n=6", "ack 6",
      ])
    // Another sid counts for itself.
    alice.say("e", n: 1, sid: "another-sid-of-hers")
    #expect(alice.take() == ["alice: e #4 n=1"])
  }

  @Test("a sid belongs to the member whose chat first carried it")
  func foreignSender() {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    alice.say("a", n: 1)
    host.settleReading()
    bob.say("b", n: 2)
    bob.say("b", n: 1, to: "alice")
    #expect(bob.take() == ["error not_allowed n=2", "error not_allowed n=1"])
    #expect(alice.take() == [])
    alice.send("{\"type\":\"bye\"}")
    bob.say("b", n: 2)
    #expect(bob.take().last == "error not_allowed n=2")
    // A member of the same name, but another one, is a stranger too.
    let second = host.member("alice")
    second.say("c", n: 2)
    #expect(second.take() == ["error not_allowed n=2"])
  }

  @Test("the renamed member's own copy alone carries the new token")
  func nick() {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    host.settleReading()
    let before = alice.token
    alice.send("{\"type\":\"nick\",\"name\":\"alicia\"}")
    alice.say("x")
    #expect(alice.take() == ["rename alice->alicia #3 token", "alicia: x #4"])
    #expect(bob.take() == ["rename alice->alicia #3", "alicia: x #4"])
    #expect(alice.token != before)
    alice.drop()
    let again = host.connect()
    again.auth("alicia", ",\"token\":\"\(alice.token)\"")
    #expect(again.take()[1] == "admitted alicia id=4 total=2")
  }

  @Test("nick follows the rules of names")
  func nickRules() {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    host.settleReading()
    for name in ["", "a:b", " x", "server", "clint7", "CLINT1", "alice"] {
      alice.send("{\"type\":\"nick\",\"name\":\"\(name)\"}")
      #expect(alice.take() == ["error invalid_name"], "\(name)")
    }
    alice.send("{\"type\":\"nick\",\"name\":\"Alice\"}")
    #expect(alice.take() == ["rename alice->Alice #3 token"])
    alice.send("{\"type\":\"nick\",\"name\":\"BOB\"}")
    #expect(alice.take() == ["rename Alice->BOB-2 #4 token"])
    // The old name is free again.
    bob.send("{\"type\":\"nick\",\"name\":\"alice\"}")
    #expect(bob.take().last == "rename bob->alice #5 token")
  }

  @Test("who is answered by the members, at most 1,000 names")
  func who() {
    let host = TestRoom(history: 0)
    let alice = host.member("alice")
    _ = host.oldMember("bob")
    _ = host.textMember()
    host.settleReading()
    alice.send("{\"type\":\"who\"}")
    #expect(alice.take() == ["members 3: alice,bob,clint1"])
    let room = host.room
    let moment = host.moment
    for number in 0..<1_100 {
      let connection = ConnectionID(worker: 1, slot: UInt32(number), generation: 0)
      let name = String(repeating: "😀", count: 24)
      room.withLock { room in
        _ = try? room.admit(
          Room.Wish(name: name), as: .packets, connection, from: "x", .address([]), at: moment)
      }
    }
    host.settleReading()
    alice.send("{\"type\":\"who\"}")
    let line = alice.takeLines().last ?? ""
    #expect(line.utf8.count < Limits.hostLine)
    guard case .success(.members(let total, let names)) = hostPacket(line) else {
      Issue.record("no members: \(line.prefix(100))")
      return
    }
    #expect(total == 1_103)
    #expect(names.count == 1_000)
  }

  @Test("the host speaks as server, whom nobody can pass for")
  func server() throws {
    let host = TestRoom()
    let alice = host.member("alice")
    let moment = host.moment
    host.room.withLock { room in
      try? room.sayAsServer("a \"b\"\n", at: moment)
    }
    #expect(alice.take() == ["server: a \"b\"\n #2"])
  }

  @Test("the host's longest line passes on a client's longest")
  func longest() {
    let host = TestRoom()
    let alice = host.member(String(repeating: "😀", count: 24))
    let start = "{\"type\":\"chat\",\"sid\":\"0123456789abcdef0123456789abcdef\","
    let head = start + "\"n\":9007199254740991,\"text\":\""
    alice.send(
      head + String(repeating: "\\u0041", count: (65_536 - head.utf8.count - 3) / 6) + "\"}")
    let lines = alice.takeLines()
    #expect(lines.count == 1)
    #expect(lines[0].utf8.count > 65_400)
    #expect(lines[0].utf8.count < Limits.hostLine)
  }

  @Test("goodbye is a leave at once")
  func bye() {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    host.settleReading()
    bob.send("{\"type\":\"bye\"}")
    #expect(bob.session.end == .afterSending)
    #expect(alice.take() == ["leave bob #3", "count 1"])
  }
}

@Suite struct TextClientTests {
  @Test("a first line that is no object makes a text client, and that line is said")
  func firstLine() {
    let host = TestRoom()
    let alice = host.member("alice")
    let text = host.connect(from: "127.0.0.1:49207")
    text.send("hello everyone\r")
    #expect(
      text.takeLines().dropFirst() == [
        "clint1 joined from 127.0.0.1:49207", "+ Total connected clints: [2]",
        "clint1: hello everyone",
      ])
    #expect(alice.take() == ["join clint1 #2", "count 2", "clint1: hello everyone #3"])
    alice.say("hi\\nthere")
    #expect(text.takeLines() == ["alice: hi", "    there"])
    // From now on an object is a text too.
    text.send("{\"type\":\"bye\"}")
    #expect(text.takeLines() == ["clint1: {\"type\":\"bye\"}"])
  }

  @Test("one that was admitted for its silence becomes a text client by its first line")
  func late() {
    let host = TestRoom()
    let text = host.connect()
    host.pass(milliseconds: 300)
    #expect(text.take().last == "count 1")
    text.send("hello")
    #expect(text.takeLines() == ["clint1: hello"])
    text.send("/who")
    #expect(text.takeLines() == ["Members [1]: clint1"])
  }

  @Test("a text client's line that is too long ends it with a line, too")
  func overLongText() {
    let host = TestRoom()
    let text = host.connect()
    text.send("hello")
    _ = text.take()
    text.receive([UInt8](repeating: 0x78, count: 65_537))
    #expect(text.takeLines() == ["! A line is longer than 65536 bytes."])
    #expect(text.session.end == .afterSending)
  }

  @Test("commands work, others get a line of help, and // says /")
  func commands() {
    let host = TestRoom()
    let alice = host.member("alice")
    let text = host.connect()
    text.send("/nick Bob")
    #expect(
      text.takeLines().suffix(1) == ["clint1 is now known as Bob."])
    text.send("/who")
    #expect(text.takeLines() == ["Members [2]: alice, Bob"])
    for line in ["/", "/help", "/nick", "/NICK x", "/quitx", "/ who", "/me waves"] {
      text.send(line)
      let lines = text.takeLines()
      #expect(lines.count == 1 && lines[0].hasPrefix("! "), "\(line): \(lines)")
    }
    text.send("/nick a:b")
    #expect(text.takeLines() == ["! Invalid name."])
    text.send("/nick clint9")
    #expect(text.takeLines().first?.hasPrefix("! ") == true)
    _ = alice.take()
    text.send("//x /y")
    text.send("///")
    text.send("   ")
    text.send("")
    #expect(text.takeLines() == ["Bob: /x /y", "Bob: //"])
    #expect(alice.take() == ["Bob: /x /y #4", "Bob: // #5"])
    text.send("/quit")
    #expect(text.session.end == .afterSending)
    #expect(alice.take() == ["leave Bob #6", "count 1"])
  }

  @Test("a last line without LF counts as said, and then the member is gone at once")
  func lastLine() {
    let host = TestRoom()
    let alice = host.member("alice")
    let text = host.textMember("first")
    host.settleReading()
    text.receive(Array("last\r".utf8))
    text.endStream()
    #expect(alice.take() == ["clint1: last #4", "leave clint1 #5", "count 1"])
    let only = host.connect()
    only.receive(Array("only".utf8))
    only.endStream()
    #expect(
      alice.take() == [
        "join clint2 #6", "count 2", "clint2: only #7", "leave clint2 #8", "count 1",
      ])
  }

  static let requests = [
    "GET / HTTP/1.1", "POST /a HTTP/1.0", "GET http://x/ HTTP/1.1", "OPTIONS * HTTP/1.1",
    "PRI * HTTP/2.0", "GET /\(String(repeating: "a", count: 5_000)) HTTP/1.1",
  ]

  @Test("an HTTP request gets 400 and a close, and says nothing", arguments: requests)
  func http(_ line: String) {
    let host = TestRoom()
    let alice = host.member("alice")
    let web = host.connect()
    web.receive(Array("\(line)\r\nHost: x\r\n\r\n{\"type\":\"chat\",\"text\":\"x\"}\n".utf8))
    #expect(web.takeLines()[1] == "HTTP/1.1 400 Bad Request\r")
    #expect(web.session.end == .afterSending)
    #expect(alice.take() == [])
    #expect(host.total == 1)
  }

  @Test("an HTTP request on a connection that was silent at first is refused too, however long")
  func lateHTTP() {
    for length in [1, 9_000, 60_000] {
      let host = TestRoom()
      let web = host.connect()
      host.pass(milliseconds: 300)
      _ = web.take()
      web.receive(
        Array("GET /\(String(repeating: "a", count: length)) HTTP/1.1\r\nHost: x\r\n".utf8))
      #expect(web.takeLines().contains("HTTP/1.1 400 Bad Request\r"))
      #expect(web.session.end == .afterSending)
      #expect(host.total == 0)
      #expect(host.lastID == 2)
    }
  }

  @Test("what only looks like a request is said")
  func notHTTP() {
    let host = TestRoom()
    for line in ["GET / now", "get / HTTP/1.1", "HTTP/1.1", "see HTTP/1.1 there", "a HTTP/1.1 b"] {
      let text = host.connect()
      text.send(line)
      #expect(text.takeLines().last?.hasSuffix(": \(line)") == true)
      text.drop()
    }
  }

  @Test("invalid UTF-8 is refused, and the connection goes on")
  func invalidUTF8() {
    let host = TestRoom()
    let text = host.textMember()
    text.receive([0x61, 0xC3, 0x0A])
    #expect(text.takeLines() == ["! That line is not valid UTF-8."])
    text.send("fine")
    #expect(text.takeLines() == ["clint1: fine"])
  }

  @Test("control characters that would grow over the host's line are refused")
  func growing() {
    let host = TestRoom()
    let text = host.textMember()
    let alice = host.member("alice")
    host.settleReading()
    text.receive([UInt8](repeating: 0x01, count: 60_000) + [0x0A])
    #expect(text.takeLines() == ["! That line is too long."])
    #expect(alice.take() == [])
    text.receive([UInt8](repeating: 0x01, count: 20_000) + [0x0A])
    let line = alice.takeLines().first ?? ""
    #expect(line.contains("\\u0001\\u0001"))
    #expect(line.utf8.count < Limits.hostLine)
    #expect(text.takeLines() == ["clint1: " + String(repeating: "␁", count: 20_000)])
    // Tabs and quotation marks only double.
    text.receive([UInt8](repeating: 0x22, count: 65_535) + [0x0A])
    #expect(text.takeLines().count == 1)
    #expect(alice.takeLines().first?.utf8.count ?? 0 <= Limits.hostLine)
  }

  @Test("text clients get private messages as lines, and no forged ones")
  func shown() {
    let host = TestRoom()
    let text = host.textMember()
    let alice = host.member("alice")
    host.settleReading()
    alice.say("psst", to: "clint1")
    alice.say("a\\nclint1: forged\\u001b[2J")
    #expect(
      text.takeLines() == ["[alice -> clint1] psst", "alice: a", "    clint1: forged␛[2J"])
  }

  @Test("the rendering for text clients is kept only while there are any")
  func textLog() {
    let host = TestRoom()
    let first = host.textMember()
    let second = host.textMember()
    first.drop()
    #expect(second.takeLines().last == "+ Total connected clints: [1]")
    second.drop()
    let alice = host.member("alice")
    alice.say("nobody reads lines")
    let third = host.textMember("x")
    alice.say("again")
    #expect(third.takeLines() == ["alice: again"])
  }
}
