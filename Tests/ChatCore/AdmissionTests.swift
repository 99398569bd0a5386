import Testing

@testable import ChatCore

@Suite struct AdmissionTests {
  @Test("a host speaks first, and says hello")
  func hello() {
    let peer = TestRoom().connect()
    #expect(
      peer.takeLines() == [
        "{\"type\":\"hello\",\"secure\":false,\"version\":2,\"software\":\"netchat/1.0.0\","
          + "\"room\":\"00112233445566778899aabbccddeeff\"}"
      ])
  }

  @Test("version 2 is admitted by its auth, and everybody sees the join and the count")
  func versionTwo() {
    let host = TestRoom()
    let alice = host.connect()
    alice.auth("alice")
    #expect(alice.take() == ["hello", "admitted alice id=0 total=1", "join alice #1", "count 1"])
    #expect(alice.token.utf8.count == 44)
    let bob = host.connect(from: "[::1]:7")
    bob.auth("bob")
    #expect(bob.take() == ["hello", "admitted bob id=1 total=2", "join bob #2", "count 2"])
    #expect(alice.take() == ["join bob #2", "count 2"])
    #expect(host.names == ["alice", "bob"])
  }

  @Test("packets are word for word those of the protocol")
  func words() {
    let host = TestRoom()
    let peer = host.connect(from: "127.0.0.1:49207")
    peer.auth()
    let time = host.moment.unixMilliseconds
    let lines = peer.takeLines()
    let token = peer.token
    #expect(
      lines.dropFirst() == [
        "{\"type\":\"auth_result\",\"ok\":true,\"client_name\":\"clint1\",\"id\":0,\"total\":1,"
          + "\"token\":\"\(token)\"}",
        "{\"type\":\"system\",\"encrypted\":false,\"event\":\"join\",\"name\":\"clint1\","
          + "\"text\":\"clint1 joined from 127.0.0.1:49207\",\"id\":1,\"time\":\(time)}",
        "{\"type\":\"count\",\"total\":1}",
      ])
  }

  @Test("an auth may come before hello was read, with other packets right behind it")
  func atOnce() {
    let host = TestRoom()
    let peer = host.connect()
    peer.receive(
      Array(
        "{\"type\":\"auth\",\"version\":2,\"name\":\"a\"}\r\n\n{\"type\":\"chat\",\"text\":\"x\"}\n"
          .utf8))
    #expect(
      peer.take() == ["hello", "admitted a id=0 total=1", "join a #1", "count 1", "a: x #2"])
  }

  @Test("who is silent for 250 ms is admitted as version 1, without a token")
  func silent() {
    let host = TestRoom()
    let peer = host.connect()
    host.pass(milliseconds: 249)
    #expect(peer.take() == ["hello"])
    #expect(host.total == 0)
    host.pass(milliseconds: 1)
    #expect(peer.take() == ["admitted clint1 id=0 total=1", "join clint1 #1", "count 1"])
    #expect(peer.token == "")
    peer.send("{\"type\":\"chat\",\"encrypted\":false,\"text\":\"hi\"}")
    #expect(peer.take() == ["clint1: hi #2"])
  }

  @Test("an auth of version 1 is an admission with a name or without")
  func versionOne() {
    let host = TestRoom()
    let peer = host.connect()
    peer.send("{\"type\":\"auth\",\"name\":\"Alice\"}")
    #expect(peer.take() == ["hello", "admitted Alice id=0 total=1", "join Alice #1", "count 1"])
    #expect(peer.token == "")
    let other = host.connect()
    other.send("{\"type\":\"auth\"}")
    #expect(other.take() == ["hello", "admitted clint1 id=1 total=2", "join clint1 #2", "count 2"])
    // Only version 2 has history.
    let third = host.connect()
    third.send("{\"type\":\"auth\",\"name\":\"c\",\"history\":10}")
    #expect(third.take() == ["hello", "admitted c id=2 total=3", "join c #3", "count 3"])
  }

  @Test("a late auth of version 2 is still the admission, and the room sees a rename")
  func late() {
    let host = TestRoom()
    let other = host.member("other")
    let peer = host.connect()
    host.pass(milliseconds: 300)
    #expect(
      peer.take() == ["hello", "admitted clint1 id=1 total=2", "join clint1 #2", "count 2"])
    peer.auth("alice", ",\"history\":2")
    #expect(
      peer.take() == [
        "admitted alice id=2 total=2", "join other #1", "count 1", "join clint1 #2", "count 2",
        "rename clint1->alice #3",
      ])
    #expect(peer.token != "")
    #expect(other.take() == ["join clint1 #2", "count 2", "rename clint1->alice #3"])
    // It is of version 2 now: it keeps its place when its connection is lost.
    peer.drop()
    host.pass(milliseconds: 4_999)
    #expect(host.total == 2)
  }

  @Test("a late auth that wishes no name keeps the one it has, and gets a token")
  func lateUnnamed() {
    let host = TestRoom()
    let peer = host.connect()
    host.pass(milliseconds: 300)
    _ = peer.take()
    peer.auth()
    #expect(peer.take() == ["admitted clint1 id=1 total=1"])
    #expect(peer.token != "")
  }

  @Test("what the room said before a late auth is not lost to a slow reader")
  func lateLosesNothing() {
    let host = TestRoom()
    let other = host.member("other")
    let peer = host.connect()
    _ = peer.take()
    peer.isStuck = true
    host.pass(milliseconds: 300)
    other.say("one")
    peer.auth("alice")
    other.say("two")
    peer.isStuck = false
    #expect(
      peer.take() == [
        "admitted clint1 id=1 total=2", "join clint1 #2", "count 2", "other: one #3",
        "admitted alice id=3 total=2", "rename clint1->alice #4", "other: two #5",
      ])
  }

  @Test("a late auth of version 1 wishes a name")
  func lateVersionOne() {
    let host = TestRoom()
    let peer = host.connect()
    host.pass(milliseconds: 300)
    _ = peer.take()
    peer.send("{\"type\":\"auth\",\"name\":\"alice\"}")
    #expect(peer.take() == ["rename clint1->alice #2"])
    peer.send("{\"type\":\"auth\",\"name\":\"clint7\"}")
    #expect(peer.take() == ["error invalid_name"])
    peer.send("{\"type\":\"auth\",\"name\":\"bob\"}")
    #expect(peer.take() == ["rename alice->bob #3"])
  }

  @Test("an auth is not allowed to one that is in the room")
  func twice() {
    let host = TestRoom()
    let peer = host.member("alice")
    peer.auth("bob")
    #expect(peer.take() == ["error not_allowed"])
    #expect(host.names == ["alice"])
  }

  @Test(
    "packets that are not allowed before admission end the connection",
    arguments: [
      "{\"type\":\"chat\",\"text\":\"x\"}", "{\"type\":\"nick\",\"name\":\"x\"}",
      "{\"type\":\"who\"}",
      "{\"type\":\"auth_confirm\",\"confirm\":\"AA==\"}",
    ])
  func notAllowed(_ line: String) {
    let host = TestRoom()
    let peer = host.connect()
    peer.send(line)
    #expect(peer.take() == ["hello", "refused Authentication required."])
    #expect(peer.session.end == .afterSending)
    #expect(peer.session.wantsBytes == false)
    #expect(host.total == 0)
  }

  @Test(
    "a bad packet before admission ends the connection",
    arguments: [
      "{", "{}", "{\"type\":1}", "{\"type\":\"auth\",\"type\":\"auth\"}",
      "{\"type\":\"auth\",\"name\":7}",
      " {\"type\":}",
    ])
  func bad(_ line: String) {
    let host = TestRoom()
    let peer = host.connect()
    peer.send(line)
    #expect(peer.take() == ["hello", "error invalid_packet"])
    #expect(peer.session.end == .afterSending)
    #expect(host.total == 0)
  }

  @Test("a bad packet after admission gets an error, and the connection goes on")
  func badLater() {
    let host = TestRoom()
    let peer = host.member("alice")
    for line in [
      "{", "x", "[]", "{}", "{\"type\":\"chat\"}",
      "{\"type\":\"chat\",\"text\":\"a\",\"text\":\"a\"}",
      "{\"type\":\"chat\",\"encrypted\":true,\"payload\":\"AA==\""
        + ",\"sid\":\"0123456789abcdef\",\"n\":1}",
      "{\"type\":\"chat\",\"text\":\"\\ud800\"}",
    ] {
      peer.send(line)
      let expected = line.contains("AA==") ? "error invalid_packet n=1" : "error invalid_packet"
      #expect(peer.take() == [expected], "\(line)")
    }
    peer.receive([0x7B, 0x22, 0xFF, 0x22, 0x7D, 0x0A])
    #expect(peer.take() == ["error invalid_packet"])
    peer.say("fine")
    #expect(peer.take() == ["alice: fine #2"])
  }

  @Test("unknown types and empty lines are ignored, before admission too")
  func unknown() {
    let host = TestRoom()
    let peer = host.connect()
    peer.receive(Array("\n\r\n \t \n{\"type\":\"dance\",\"n\":1.5}\n{\"type\":\"pong\"}\n".utf8))
    #expect(peer.take() == ["hello"])
    peer.send("{\"type\":\"ping\"}")
    #expect(peer.take() == ["pong"])
    peer.auth("a")
    _ = peer.take()
    peer.receive(Array("\n  \n{\"type\":\"dance\"}\n{\"type\":\"ping\"}\n".utf8))
    #expect(peer.take() == ["pong"])
  }

  @Test("8 KiB of packets are enough for admission")
  func eightKiB() {
    let host = TestRoom()
    let auth = "{\"type\":\"auth\",\"version\":2,\"name\":\"a\"}\n"
    for (extra, isAdmitted) in [(0, true), (1, false)] {
      for step in [1, 1_000, 10_000] {
        let peer = host.connect()
        let rest = 8_192 - auth.utf8.count + extra
        let bytes =
          Array("{\"type\":\"x\",\"x\":\"".utf8)
          + [UInt8](repeating: 0x78, count: rest - 20) + Array("\"}\n".utf8) + Array(auth.utf8)
        #expect(bytes.count == 8_192 + extra)
        var start = 0
        while start < bytes.count, !peer.isOver {
          peer.receive(Array(bytes[start..<min(bytes.count, start + step)]))
          start += step
        }
        #expect(peer.isOver == !isAdmitted)
        #expect(peer.take().contains("error too_long") == !isAdmitted)
        peer.drop()
      }
    }
  }

  @Test("an over-long line ends the connection, and without a bye its member keeps its place")
  func overLong() {
    let host = TestRoom()
    let other = host.member("other")
    let peer = host.member("alice")
    _ = other.take()
    peer.receive([UInt8](repeating: 0x78, count: 65_536))
    #expect(peer.take() == ["error too_long"])
    #expect(peer.session.end == .afterSending)
    #expect(
      peer.session.takeNews().last.map {
        $0 == .rejected(reason: "A line is longer than 65536 bytes.", name: "alice")
      } == true)
    #expect(other.take() == [])
    host.pass(seconds: 5)
    #expect(other.take() == ["leave alice #3", "count 1"])
    #expect(host.total == 1)
  }

  @Test("a line of 65,536 bytes is a packet")
  func longLine() {
    let host = TestRoom()
    let peer = host.member("alice")
    let head = "{\"type\":\"chat\",\"text\":\""
    let text = String(repeating: "x", count: 65_536 - head.utf8.count - 3)
    peer.send(head + text + "\"}")
    #expect(peer.take() == ["alice: \(text) #2"])
  }

  @Test("what stands without LF at the end of the stream is dropped")
  func unfinished() {
    let host = TestRoom()
    for start in ["", " ", "\t"] {
      let peer = host.connect()
      peer.receive(Array((start + "{\"type\":\"auth\",\"version\":2,\"name\":\"a\"}").utf8))
      peer.endStream()
      #expect(peer.take() == ["hello"])
      #expect(host.total == 0)
    }
    let member = host.member("alice")
    member.receive(Array("{\"type\":\"chat\",\"text\":\"x\"}".utf8))
    member.endStream()
    #expect(!member.take().contains("alice: x #2"))
  }

  @Test("a TLS handshake gets no more than the hello")
  func handshake() {
    let host = TestRoom()
    let peer = host.connect()
    peer.receive([0x16, 0x03, 0x01, 0x02, 0x00])
    #expect(peer.take() == ["hello"])
    #expect(peer.session.end == .now)
    // One that came late was a member for a moment.
    let other = host.member("other")
    let late = host.connect()
    host.pass(milliseconds: 300)
    #expect(host.total == 2)
    late.receive([0x16])
    #expect(late.session.end == .now)
    #expect(host.total == 1)
    #expect(other.take() == ["join clint1 #2", "count 2", "leave clint1 #3", "count 1"])
    // Later it is a byte like any other.
    let third = host.member("third")
    third.receive([0x16, 0x0A])
    #expect(third.take() == ["error invalid_packet"])
  }

  @Test("an invalid name is refused in auth")
  func invalidName() {
    for name in ["", " a", "a:b", "server", "SERVER", "a\\nb", "[x", "abcdefghijklmnopqrstuvwxy"] {
      let peer = TestRoom().connect()
      peer.auth(name)
      #expect(peer.take() == ["hello", "refused Invalid name."], "\(name)")
      #expect(peer.session.end == .afterSending)
    }
  }

  @Test("a late auth with an invalid name ends the connection, and its member is gone")
  func lateInvalidName() {
    let host = TestRoom()
    let peer = host.connect()
    host.pass(milliseconds: 300)
    _ = peer.take()
    peer.auth(":")
    #expect(peer.take().contains("refused Invalid name."))
    #expect(host.total == 0)
  }

  @Test("names of the host's to give count as no name")
  func reserved() {
    let host = TestRoom()
    let peer = host.connect()
    peer.auth("clint7")
    #expect(peer.take()[1] == "admitted clint1 id=0 total=1")
    let next = host.connect()
    next.auth("CLINT1")
    #expect(next.take()[1] == "admitted clint2 id=1 total=2")
  }

  @Test("a full room refuses newcomers of every kind, and has place again later")
  func full() {
    let host = TestRoom(maxMembers: 2)
    let first = host.member("a")
    _ = host.member("b")
    let third = host.connect()
    third.auth("c")
    #expect(third.take() == ["hello", "refused Room is full."])
    #expect(third.session.end == .afterSending)
    let silent = host.connect()
    host.pass(milliseconds: 250)
    #expect(silent.take() == ["hello", "refused Room is full."])
    let text = host.connect()
    text.send("hello")
    #expect(text.isOver)
    #expect(host.total == 2)
    // A member that comes again by its token takes no new place.
    let again = host.connect()
    again.auth("a", ",\"token\":\"\(first.token)\"")
    #expect(again.take()[1].hasPrefix("admitted a "))
    again.send("{\"type\":\"bye\"}")
    let fourth = host.connect()
    fourth.auth("d")
    #expect(fourth.take()[1].hasPrefix("admitted d "))
  }

  @Test("the host's screen sees a connection once, and none that only probed")
  func connectionLine() {
    let host = TestRoom()
    host.room.withLock { $0.showOnScreen(packets: true) }
    func notes() -> [String] {
      var notes: [String] = []
      while let item = host.room.withLock({ $0.nextForScreen() }) {
        if case .note(let line) = item { notes.append(line) }
      }
      return notes
    }
    let probe = host.connect(from: "127.0.0.1:1")
    probe.endStream()
    let handshake = host.connect(from: "127.0.0.1:2")
    handshake.receive([0x16])
    #expect(notes() == [])
    let peer = host.connect(from: "127.0.0.1:49207")
    peer.auth("a")
    peer.say("x")
    #expect(notes() == ["Connection from 127.0.0.1:49207"])
    let silent = host.connect(from: "127.0.0.1:3")
    host.pass(milliseconds: 250)
    silent.auth("b")
    let text = host.connect(from: "127.0.0.1:4")
    text.send("hi")
    text.send("ho")
    #expect(notes() == ["Connection from 127.0.0.1:3", "Connection from 127.0.0.1:4"])
  }
}
