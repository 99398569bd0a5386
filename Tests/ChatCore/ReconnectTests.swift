import Testing

@testable import ChatCore

/// A client that comes again after its connection was lost (PROTOCOL.md, section 7).
@Suite("a client that comes again") struct ReconnectTests {
  private func room(isSecure: Bool, history: Int = 1_000) -> TestRoom {
    TestRoom(history: history, keys: isSecure ? FakeRoomKeys() : nil)
  }

  private func joined(_ name: String? = "alice", in host: TestRoom, history: Int = 0) -> Wanderer {
    let client = Wanderer(
      name, in: host, history: history, isSecure: host.room.settings.keys != nil)
    client.connect()
    client.pump()
    return client
  }

  /// What a bystander has seen of somebody.
  private func said(by name: String, _ peer: Wanderer) -> [String] {
    peer.pump()
    return peer.takeChats().filter { $0.hasPrefix(name + ": ") }
  }

  /// A client whose connection is lost, and one that stays.
  private func cutOff() -> (host: TestRoom, alice: Wanderer, bob: Peer) {
    let host = room(isSecure: false)
    let alice = joined(in: host)
    let bob = host.member("bob")
    alice.pump()
    alice.cut()
    _ = alice.take()
    return (host, alice, bob)
  }

  @Test("is told how many messages it missed, and then gets them", arguments: [0, 1, 4])
  func missed(count: Int) {
    let (host, alice, bob) = cutOff()
    for number in 0..<count { bob.say("\(number)") }
    _ = host.member("carol")
    alice.connect()
    alice.pump()
    #expect(
      alice.take() == ["missed \(count)"] + (0..<count).map { "bob: \($0)" } + ["join carol"])
    bob.say("live")
    alice.pump()
    #expect(alice.take() == ["bob: live"])
    #expect(host.names == ["alice", "bob", "carol"])
  }

  @Test("asks by room, since, name and token")
  func asks() {
    let host = TestRoom()
    let alice = joined(nil, in: host)
    let token = alice.peer!.token
    alice.cut()
    alice.connect()
    #expect(alice.session.output == [])
    var session = alice.session
    let hello = alice.peer!.received
    _ = session.receive(hello.span, at: host.moment)
    #expect(
      session.output.text == "{\"type\":\"auth\",\"version\":2,\"name\":\"clint1\","
        + "\"room\":\"\(TestRoom.id)\",\"since\":1,\"token\":\"\(token)\"}\n")
  }

  /// Plays a conversation over a connection that is cut once, after `cut` bytes.
  /// - Returns: the bytes that a whole conversation takes.
  private func play(cut: Int, isSecure: Bool, _ comment: String) -> Int {
    let host = room(isSecure: isSecure)
    let bob = joined("bob", in: host)
    let alice = Wanderer("alice", in: host, isSecure: isSecure)
    alice.budget = cut
    alice.connect()
    alice.pump()
    if !alice.isConnected {
      alice.budget = .max
      if !alice.session.hasJoined {
        // Nothing to come back to, or so it thinks: it joins, once its place is free again.
        _ = alice.take()
        host.pass(seconds: 6)
        alice.connect()
        alice.pump()
      }
    }
    bob.pump()
    _ = bob.take()
    var expected: [String] = []
    for number in 1...3 {
      alice.say("a\(number)")
      bob.say("b\(number)")
      alice.pump()
      expected += ["alice: a\(number)", "bob: b\(number)"]
      if !alice.isConnected {
        alice.say("kept")
        bob.say("away")
        alice.budget = .max
        alice.connect()
        alice.pump()
      }
    }
    alice.pump()
    #expect(alice.session.isSettled, "\(comment) \(cut)")
    #expect(alice.session.unsettledCount == 0, "\(comment) \(cut)")
    bob.pump()
    let seen = bob.takeChats()
    let all = alice.takeChats()
    let alices = seen.filter { $0.hasPrefix("alice") }
    let cuts = seen.contains("alice: kept")
    #expect(
      alices.filter { $0 != "alice: kept" } == (1...3).map { "alice: a\($0)" },
      "\(comment) \(cut)")
    #expect(alices.count == (cuts ? 4 : 3), "\(comment) \(cut)")
    // Both have seen the same, in the same order.
    #expect(all == seen, "\(comment) \(cut)")
    #expect(host.names == ["bob", "alice"], "\(comment) \(cut)")
    return alice.passed
  }

  @Test(
    "loses nothing and doubles nothing, wherever the connection is cut", arguments: [false, true])
  func everyByte(isSecure: Bool) {
    let whole = play(cut: .max, isSecure: isSecure, "whole")
    for cut in 1...whole { _ = play(cut: cut, isSecure: isSecure, "cut at") }
  }

  @Test(
    "loses nothing and doubles nothing over many cuts, whether the host has noticed or not",
    arguments: [false, true])
  func manyCuts(isSecure: Bool) {
    var random = Seeded(4242)
    let host = room(isSecure: isSecure, history: 100_000)
    let bob = joined("bob", in: host)
    let alice = joined("alice", in: host)
    bob.pump()
    _ = bob.take()
    _ = alice.take()
    var own: [String] = []
    var shown: [String] = []
    for round in 1...300 {
      alice.budget = Int.random(in: 1...1_500, using: &random)
      for part in 0..<Int.random(in: 0...3, using: &random) {
        alice.say("a\(round).\(part)")
        own.append("alice: a\(round).\(part)")
        if Bool.random(using: &random) { bob.say("b\(round).\(part)") }
        alice.pump()
      }
      if Bool.random(using: &random) { alice.cut(hostNotices: Bool.random(using: &random)) }
      if !alice.isConnected {
        if Int.random(in: 0..<4, using: &random) == 0 { host.pass(seconds: 7) }
        alice.budget = .max
        alice.connect()
        alice.pump()
      }
      #expect(alice.session.name == "alice")
      shown += alice.takeChats()
    }
    alice.budget = .max
    if !alice.isConnected { alice.connect() }
    alice.pump()
    shown += alice.takeChats()
    bob.pump()
    let seen = bob.takeChats()
    #expect(seen.filter { $0.hasPrefix("alice") } == own)
    #expect(shown == seen)
    #expect(alice.session.isSettled)
  }

  @Test("keeps what it says meanwhile, in order, and sends it under the same id")
  func kept() {
    let host = room(isSecure: false)
    let bob = host.member("bob")
    let alice = joined(in: host)
    alice.say("one")
    alice.cut()
    let ids = ["two", "three"].map { alice.say($0) }
    #expect(ids == [2, 3])
    #expect(alice.session.unsettledCount == 2)
    alice.connect()
    alice.pump()
    let lines = bob.take().filter { $0.hasPrefix("alice:") }.map { $0.split(separator: " ")[1...] }
    #expect(lines.map(\.first) == ["one", "two", "three"])
    #expect(lines.map(\.last) == ["n=1", "n=2", "n=3"])
    #expect(alice.session.unsettledCount == 0)
  }

  @Test("is told of a gap where the host has not kept all of it")
  func gap() {
    let host = room(isSecure: false, history: 3)
    let alice = joined(in: host)
    let bob = host.member("bob")
    alice.pump()
    alice.cut()
    _ = alice.take()
    for number in 1...10 { bob.say("\(number)") }
    alice.say("kept")
    alice.connect()
    alice.pump()
    #expect(alice.take() == ["gap", "alice: kept"])
    bob.say("live")
    alice.pump()
    #expect(alice.take() == ["bob: live"])
    // And the next loss begins where it is now.
    alice.cut()
    bob.say("missed")
    alice.connect()
    alice.pump()
    #expect(alice.take() == ["missed 1", "bob: missed"])
  }

  @Test("comes into a new room as who it was, says so, and is not mistaken for its own echo")
  func otherRoom() {
    for isSecure in [false, true] {
      let host = room(isSecure: isSecure)
      let alice = joined(in: host)
      let sid = alice.session.sid
      alice.say("before")
      alice.cut()
      alice.say("kept")
      _ = alice.take()
      let other = TestRoom(
        id: "ffeeddccbbaa99887766554433221100", keys: isSecure ? FakeRoomKeys() : nil)
      let bob = joined("bob", in: other)
      alice.connect(to: other)
      alice.pump()
      #expect(alice.take() == ["otherRoom", "join alice", "alice: kept"])
      #expect(said(by: "alice", bob) == ["alice: kept"])
      #expect(alice.session.unsettledCount == 0)
      #expect(alice.session.sid != sid)
    }
  }

  @Test("under another name it draws a new sid, and what the past holds is not said again")
  func otherName() {
    for isSecure in [false, true] {
      let host = room(isSecure: isSecure)
      let bob = joined("bob", in: host)
      let alice = joined(in: host)
      // The host has it, the echo is lost, and so is the name.
      alice.say("one")
      alice.budget = alice.session.output.count
      alice.cut()
      alice.say("two")
      host.pass(seconds: 6)
      let thief = joined("alice", in: host)
      alice.connect()
      alice.budget = .max
      alice.pump()
      #expect(alice.session.name == "alice-2")
      #expect(alice.take().contains("renamed alice-2"))
      #expect(said(by: "alice-2", bob) == ["alice-2: two"])
      #expect(thief.session.name == "alice")
      #expect(alice.session.isSettled)
    }
  }

  @Test("a rename whose answer is lost does not cost a message")
  func lostRename() throws {
    let host = room(isSecure: false)
    let bob = joined("bob", in: host)
    let alice = joined(in: host)
    alice.say("one")
    // The wish reaches the host, the answer nobody.
    alice.budget = "{\"type\":\"nick\",\"name\":\"alicia\"}\n".utf8.count
    try alice.rename(to: "alicia")
    #expect(!alice.isConnected)
    #expect(host.names == ["bob", "alicia"])
    alice.say("two")
    alice.say("three")
    alice.budget = .max
    alice.connect()
    alice.pump()
    // The token was of another name: it is somebody else now, and the old sid is not its own.
    #expect(alice.session.isSettled)
    bob.pump()
    let seen = bob.takeChats().map { $0.split(separator: ": ")[1] }
    #expect(seen == ["one", "two", "three"])
    #expect(alice.session.name == "alicia-2")
  }

  @Test("a wish for a name is asked again, and what is said after it waits")
  func keptRename() throws {
    let host = room(isSecure: true)
    let bob = joined("bob", in: host)
    let alice = joined(in: host)
    alice.cut()
    try alice.rename(to: "alicia")
    alice.say("under the new name")
    #expect(alice.session.isRenaming)
    alice.connect()
    alice.pump()
    #expect(said(by: "alicia", bob) == ["alicia: under the new name"])
    #expect(alice.session.isSettled)
    // The new token brings the new name back.
    alice.cut()
    alice.connect()
    alice.pump()
    #expect(alice.session.name == "alicia" && host.names == ["bob", "alicia"])
    // One that is refused holds up nothing.
    try alice.rename(to: "server")
    alice.say("still here")
    #expect(said(by: "alicia", bob) == ["alicia: still here"])
  }

  @Test("on a slow line the answer to its silence is not taken for the answer to its return")
  func slowLine() {
    let host = room(isSecure: false)
    let bob = joined("bob", in: host)
    let alice = joined(in: host)
    alice.say("one")
    alice.cut()
    _ = alice.take()
    bob.say("missed")
    alice.connect()
    host.pass(milliseconds: 300)
    bob.say("meanwhile")
    alice.pump()
    #expect(alice.session.name == "alice")
    let shown = alice.take()
    #expect(
      shown.filter { $0.contains(": ") } == ["bob: missed", "bob: meanwhile"],
      "\(shown) \(alice.peer!.take())")
    alice.say("two")
    #expect(said(by: "alice", bob) == ["alice: one", "alice: two"])
  }

  @Test("what is missed is held back over a second loss, and counted once")
  func lostTwice() {
    let (_, alice, bob) = cutOff()
    for number in 1...10 { bob.say("number \(number)") }
    alice.connect()
    alice.pump()
    let whole = alice.passed
    #expect(alice.take().first == "missed 10")
    for cut in stride(from: 1, through: whole, by: 7) {
      alice.cut()
      for number in 1...10 { bob.say("number \(number)") }
      alice.budget = cut
      alice.connect()
      alice.pump()
      if !alice.isConnected {
        bob.say("number 11")
        alice.budget = .max
        alice.connect()
        alice.pump()
      }
      let shown = alice.take()
      let chats = shown.filter { $0.hasPrefix("bob: ") }
      #expect(shown.filter { $0.hasPrefix("missed") }.count >= 1, "\(cut)")
      #expect(chats.prefix(10) == (1...10).map { "bob: number \($0)" }[...], "\(cut)")
      #expect(chats.count <= 11, "\(cut)")
    }
  }

  @Test("too much to hold back is shown as it comes, with so many at the least")
  func muchMissed() {
    let host = TestRoom(history: 1_000_000)
    let alice = joined(in: host)
    let bob = host.member("bob")
    alice.pump()
    alice.cut()
    _ = alice.take()
    let filling = String(repeating: "x", count: 50_000)
    for _ in 1...60 { bob.say(filling) }
    alice.connect()
    alice.pump()
    let shown = alice.take()
    #expect(shown.count == 61)
    #expect(shown[0] == "missed 60" || shown[0].hasSuffix(" and more"))
  }

  @Test("a host of version 1 cannot tell: what may have arrived is said to be unknown")
  func versionOne() throws {
    var session = ClientSession(
      .init(name: "Alice", loginName: "login", sid: SenderID(text: "0123456789abcdef")!),
      at: Moment(monotonic: 0, unixMilliseconds: 0))
    let moment = Moment(monotonic: 0, unixMilliseconds: 0)
    func hear(_ line: String) -> [ClientSession.Event] {
      session.receive(Array((line + "\n").utf8).span, at: moment)
    }
    let hello = "{\"type\":\"hello\",\"secure\":false}"
    let result = "{\"type\":\"auth_result\",\"ok\":true,\"client_name\":\"Alice\"}"
    _ = hear(hello)
    _ = hear(result)
    session.sent(session.output.count)
    try session.say("one")
    session.sent(session.output.count)
    try session.say("two")
    #expect(session.disconnected() == [.unknown(text: "one"), .settled(id: 1)])
    #expect(session.unsettledCount == 1)
    session.connected(at: moment)
    _ = hear(hello)
    #expect(session.output.text == "{\"type\":\"auth\",\"name\":\"Alice\"}\n")
    #expect(hear(result).contains(.reconnected(.versionOne)))
    #expect(session.output.text.hasSuffix("\"text\":\"two\"}\n"))
  }

  @Test("a private message is said again, and reaches its recipient once")
  func privately() {
    let host = room(isSecure: true)
    let bob = joined("bob", in: host)
    let alice = joined(in: host)
    alice.say("psst", to: "bob")
    bob.pump()
    #expect(bob.takeChats() == ["alice: psst"])
    // Said, and its echo lost.
    alice.cut()
    alice.say("psst again", to: "bob")
    alice.connect()
    alice.pump()
    bob.pump()
    #expect(bob.takeChats() == ["alice: psst again"])
    #expect(alice.session.isSettled)
    for cut in 1...600 {
      alice.budget = cut
      alice.say("\(cut)", to: "bob")
      alice.budget = .max
      if !alice.isConnected { alice.connect() }
      alice.pump()
      bob.pump()
      #expect(bob.takeChats() == ["alice: \(cut)"])
      #expect(alice.session.isSettled)
    }
  }

  @Test("a host is not blamed for the time that this program stood still")
  func stoodStill() {
    let host = room(isSecure: false)
    let alice = joined(in: host)
    var session = alice.session
    let late = Moment(
      monotonic: host.now + 3_600 * TestRoom.second, unixMilliseconds: 0)
    #expect(session.timePassed(at: late) == [])
    #expect(session.output.text == "{\"type\":\"ping\"}\n")
    #expect(session.deadline == late.monotonic + 45 * TestRoom.second)
  }
}
