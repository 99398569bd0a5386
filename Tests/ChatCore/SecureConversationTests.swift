import Testing

@testable import ChatCore

private let aliceID = "alice-alice-alice"
private let bobID = "bob-bob-bob-bob-bob"
private let hostID = "the-host-itself-0"

/// A secure room, in memory; see ``FakeRoomKeys``.
private func secureRoom(versionOne: Bool = false) -> TestRoom {
  TestRoom(keys: FakeRoomKeys(versionOne: versionOne ? FakeVersionOneKeys() : nil))
}

/// What a payload is sealed for.
private struct Seal {
  var room = TestRoom.id
  var from = "alice"
  var to = ""
  var sid = aliceID
  var n: Int64 = 1
  var password = "sesame"

  func callAsFunction(_ text: [UInt8]) -> [UInt8] {
    let data = SealedMessage.additionalData(
      room: room, from: from, to: to, MessageNumber(sid: SenderID(text: sid)!, n: n))
    return FakeClientKeys(password: password).seal(text, additionalData: data)!
  }

  func callAsFunction(_ text: String) -> [UInt8] { self(Array(text.utf8)) }
}

private func chat(_ payload: [UInt8], sid: String = aliceID, n: Int64 = 1, to: String? = nil)
  -> String
{
  let other = to.map { ",\"to\":\"\($0)\"" } ?? ""
  return
    "{\"type\":\"chat\",\"encrypted\":true,\"payload\":\"\(Base64.encode(payload).text)\"\(other)"
    + ",\"sid\":\"\(sid)\",\"n\":\(n)}"
}

private func share(_ bytes: [UInt8] = Fake.clientShare, _ keys: String = "") -> String {
  "{\"type\":\"auth\",\"version\":2,\"method\":\"spake2plus\","
    + "\"share\":\"\(Base64.encode(bytes).text)\"\(keys)}"
}

private func confirm(_ bytes: [UInt8]) -> String {
  "{\"type\":\"auth_confirm\",\"confirm\":\"\(Base64.encode(bytes).text)\"}"
}

extension Peer {
  /// Gets in as a client would that writes its packets by hand.
  fileprivate func prove(_ place: Int, _ keys: String = "") {
    let auth = share(Fake.clientShare, keys)
    send(auth)
    guard !isOver else { return }
    let hello = received.split(separator: 0x0A)[0]
    send(
      confirm(
        Fake.confirmation(
          "clint", "sesame",
          [
            Fake.clientShare, Fake.hostShare, TestRoom.exporter(place), Array(hello),
            Array(auth.utf8),
          ])))
  }
}

@Suite("secure conversation") struct SecureConversationTests {
  // MARK: Admission

  @Test("hello says how to prove oneself, challenge and confirmation follow, then the result")
  func order() {
    let host = secureRoom()
    let peer = host.connect()
    let salt = Base64.encode(Fake.salt).text
    #expect(
      peer.takeLines() == [
        "{\"type\":\"hello\",\"secure\":true,\"version\":2,\"software\":\"netchat/1.0.0\","
          + "\"room\":\"\(TestRoom.id)\",\"auth\":[\"spake2plus\"],\"salt\":\"\(salt)\"}"
      ])
    peer.prove(0, ",\"name\":\"alice\"")
    #expect(
      peer.take() == ["auth_challenge", "admitted alice id=0 total=1", "join alice #1", "count 1"])
    #expect(peer.token != "")
    let alice = SecureClient("alicia", in: host, sid: aliceID)
    #expect(alice.session.isAdmitted && alice.session.name == "alicia")
    #expect(host.names == ["alice", "alicia"])
  }

  @Test("nothing but a proof comes before admission")
  func nothingBefore() {
    let packets = [
      "{\"type\":\"chat\",\"encrypted\":false,\"text\":\"hi\"}", "{\"type\":\"who\"}",
      "{\"type\":\"nick\",\"name\":\"x\"}", confirm(Array(repeating: 0, count: 32)),
      "{\"type\":\"auth\",\"version\":2,\"name\":\"x\"}", "{\"type\":\"auth\"}",
      "{\"type\":\"auth\",\"password\":\"sesame\"}",
      "{\"type\":\"auth\",\"version\":2,\"method\":\"plain\",\"share\":\"BA==\"}",
      chat(Seal()("hi")),
    ]
    for packet in packets {
      let peer = secureRoom().connect()
      peer.send(packet)
      #expect(peer.take() == ["hello", "refused Authentication required."], "\(packet)")
      #expect(peer.isOver)
    }
    for packet in packets where !packet.contains("auth_confirm") {
      let host = secureRoom()
      let peer = host.connect()
      peer.send(share())
      peer.send(packet)
      #expect(
        peer.take() == ["hello", "auth_challenge", "refused Authentication required."],
        "\(packet)")
      #expect(peer.isOver && host.total == 0)
    }
    let text = secureRoom().connect()
    text.send("hello, is this a text client?")
    #expect(text.isOver && text.take().last?.contains("invalid_packet") == true)
  }

  @Test("a share that is none and a confirmation that is wrong end alike")
  func wrong() {
    for bytes: [UInt8] in [[], [4], Array(repeating: 4, count: 64), Array(repeating: 2, count: 65)]
    {
      let peer = secureRoom().connect()
      peer.send(share(bytes))
      #expect(peer.take() == ["hello", "refused Wrong password."] && peer.isOver, "\(bytes)")
    }
    let spoiled = secureRoom().connect()
    spoiled.send(
      "{\"type\":\"auth\",\"version\":2,\"method\":\"spake2plus\",\"share\":\"no base64\"}")
    #expect(spoiled.take() == ["hello", "refused Wrong password."])
    for bytes: [UInt8] in [[], Array(repeating: 0, count: 32)] {
      let host = secureRoom()
      let peer = host.connect()
      peer.send(share())
      peer.send(confirm(bytes))
      #expect(peer.take() == ["hello", "auth_challenge", "refused Wrong password."])
      #expect(peer.isOver && host.total == 0)
    }
  }

  @Test("another password, another connection or another auth than was confirmed gets nobody in")
  func binding() {
    let host = secureRoom()
    let guesser = SecureClient("alice", in: host, sid: aliceID, password: "Sesame")
    #expect(guesser.events.last == .unproven)
    // As if another TLS connection had been confirmed.
    let elsewhere = host.connect()
    elsewhere.prove(77)
    #expect(elsewhere.take().last == "refused Wrong password.")
    #expect(host.total == 0)
  }

  @Test("a client takes no admission without a proof, and says nothing before it")
  func unproven() throws {
    for answer in [
      "{\"type\":\"auth_result\",\"ok\":true,\"client_name\":\"alice\",\"id\":0,\"total\":1}",
      "{\"type\":\"auth_challenge\",\"share\":\"\(Base64.encode(Fake.hostShare).text)\","
        + "\"confirm\":\"\(Base64.encode(Array(repeating: 0, count: 32)).text)\"}",
      "{\"type\":\"auth_challenge\",\"share\":\"no\",\"confirm\":\"base64\"}",
    ] {
      var session = ClientSession(
        .init(name: "alice", loginName: "login", sid: SenderID(text: aliceID)!),
        at: Moment(monotonic: 0, unixMilliseconds: 0))
      func hear(_ line: [UInt8]) -> [ClientSession.Event] {
        session.receive(line.span, at: Moment(monotonic: 0, unixMilliseconds: 0))
      }
      var settings = Room.Settings(id: TestRoom.id, tokenKey: TokenKey { _ in nil })
      settings.keys = FakeRoomKeys()
      guard case .greeted? = hear(PacketWriter.hello(settings)).last else {
        Issue.record("the caller was not asked")
        return
      }
      #expect(session.output == [], "nothing goes out before the caller has decided")
      _ = session.proceed(.keys(FakeClientKeys(), exporter: []))
      let sent = session.output.count
      #expect(hear(Array((answer + "\n").utf8)).last == .unproven)
      #expect(session.output.count == sent, "no confirmation")
      #expect(!session.isAdmitted)
    }
  }

  @Test("admission ends 10 s after the accept, whatever trickles in")
  func tooLate() {
    let host = secureRoom()
    let silent = host.connect()
    let slow = host.connect()
    slow.send(share())
    host.pass(milliseconds: 5_000)
    slow.send("{\"type\":\"ping\"}")
    host.pass(milliseconds: 4_999)
    slow.receive(Array("{".utf8))
    #expect(!silent.isOver && !slow.isOver)
    host.pass(milliseconds: 1)
    #expect(silent.isOver && slow.isOver)
    #expect(silent.take().last == "refused Authentication required.")
    #expect(host.total == 0)
  }

  // MARK: Guesses

  @Test("10 wrong guesses are answered, the next is not looked at; another address may still try")
  func guesses() {
    let host = secureRoom()
    for _ in 0..<5 {
      let peer = host.connect(source: [1])
      peer.send(share([4]))
      #expect(peer.take().last == "refused Wrong password.")
    }
    for _ in 0..<5 {
      let peer = host.connect(source: [1])
      peer.send(share())
      // It leaves with what it has learned.
      peer.drop()
    }
    let eleventh = host.connect(source: [1])
    eleventh.send(share())
    #expect(eleventh.take().last == "refused Too many attempts. Try again later.")
    #expect(eleventh.isOver)
    let other = SecureClient("alice", in: host, sid: aliceID, source: [2])
    #expect(other.session.isAdmitted)
    host.pass(seconds: 10)
    let later = SecureClient("bob", in: host, sid: bobID, source: [1])
    #expect(later.session.isAdmitted)
  }

  @Test("who knows the password is not counted")
  func refunds() {
    let host = secureRoom()
    for number in 0..<70 {
      let client = SecureClient(
        "m\(number)", in: host, sid: "sid-sid-sid-sid-\(number)", source: [1])
      #expect(client.session.isAdmitted)
    }
    for _ in 0..<10 { host.connect(source: [1]).send(share([4])) }
    let eleventh = host.connect(source: [1])
    eleventh.send(share([4]))
    #expect(eleventh.take().last == "refused Too many attempts. Try again later.")
  }

  @Test("a member that brings its token gets in, however many guesses come from its address")
  func memberBehindAttacker() {
    let host = secureRoom()
    let alice = host.connect(source: [1])
    alice.prove(0, ",\"name\":\"alice\"")
    let token = alice.token
    alice.drop()
    for _ in 0..<11 { host.connect(source: [1]).send(share([4])) }
    let again = host.connect(source: [1])
    again.prove(
      host.peers.count - 1, ",\"name\":\"alice\",\"token\":\"\(token)\"")
    #expect(again.take().contains { $0.hasPrefix("admitted alice") })
    let forger = host.connect(source: [1])
    forger.prove(host.peers.count - 1, ",\"name\":\"alice\",\"token\":\"\(token.dropLast(4))AAA=\"")
    #expect(forger.take().last == "refused Too many attempts. Try again later.")
  }

  // MARK: Messages

  @Test("a sealed message is relayed unchanged and opened by everybody")
  func relayed() throws {
    let host = secureRoom()
    let alice = SecureClient("alice", in: host, sid: aliceID)
    let bob = SecureClient("bob", in: host, sid: bobID)
    _ = bob.peer.take()
    try alice.say("hello, bob")
    let payload = Base64.encode(Seal()("hello, bob")).text
    let time = host.moment.unixMilliseconds
    #expect(
      bob.peer.takeLines() == [
        "{\"type\":\"chat\",\"encrypted\":true,\"from\":\"alice\",\"payload\":\"\(payload)\","
          + "\"id\":3,\"time\":\(time),\"sid\":\"\(aliceID)\",\"n\":1}"
      ])
    #expect(bob.shown() == ["alice: hello, bob"])
    #expect(alice.shown() == ["alice: hello, bob"])
    #expect(alice.session.unsettledCount == 0)
  }

  @Test("a message that was not sealed for exactly its place is refused, with its n")
  func notForThisPlace() {
    let host = secureRoom()
    let alice = host.connect()
    alice.prove(0, ",\"name\":\"alice\"")
    let bob = host.connect()
    bob.prove(1, ",\"name\":\"bob\"")
    host.settleReading()
    var altered = Seal()("hi")
    let seals: [(String, [UInt8])] = [
      ("another sender", Seal(from: "bob")("hi")), ("another sid", Seal(sid: bobID)("hi")),
      ("another n", Seal(n: 2)("hi")),
      ("another room", Seal(room: String(TestRoom.id.reversed()))("hi")),
      ("another recipient", Seal(to: "bob")("hi")),
      ("another password", Seal(password: "other")("hi")), ("nothing", []),
      ("no UTF-8", Seal()([0xFF])),
    ]
    for (what, payload) in seals {
      alice.send(chat(payload))
      #expect(alice.take() == ["error decrypt_failed n=1"], "\(what)")
    }
    for index in altered.indices {
      altered[index] ^= 1
      alice.send(chat(altered))
      altered[index] ^= 1
      #expect(alice.take() == ["error decrypt_failed n=1"], "byte \(index)")
    }
    alice.send(chat(Seal()("hi")).replacing("\"payload\":\"", with: "\"payload\":\"!"))
    #expect(alice.take() == ["error decrypt_failed n=1"])
    #expect(bob.take() == [], "none of it goes further")
    // The n of what was refused may be used again.
    alice.send(chat(Seal()("hi")))
    #expect(bob.take().count == 1 && alice.take().count == 1)
  }

  @Test("what one member said cannot be said again by another, nor once more")
  func attributedToAnother() {
    let host = secureRoom()
    let alice = host.connect()
    alice.prove(0, ",\"name\":\"alice\"")
    let mallory = host.connect()
    mallory.prove(1, ",\"name\":\"mallory\"")
    let line = chat(Seal()("I owe you 10"))
    alice.send(line)
    host.settleReading()
    mallory.send(line)
    #expect(mallory.take() == ["error decrypt_failed n=1"])
    mallory.send(chat(Seal(from: "mallory")("mine now")))
    #expect(mallory.take() == ["error not_allowed n=1"], "that sid is alice's")
    alice.send(line)
    #expect(alice.take() == ["ack 1"])
  }

  @Test("in clear, or without a number, nothing is said in a secure room")
  func clear() {
    let host = secureRoom()
    let alice = host.connect()
    alice.prove(0, ",\"name\":\"alice\"")
    host.settleReading()
    alice.say("in clear", n: 4)
    alice.say("in clear")
    let payload = Base64.encode(Seal()("hi")).text
    alice.send("{\"type\":\"chat\",\"encrypted\":true,\"payload\":\"\(payload)\"}")
    #expect(
      alice.take() == ["error invalid_packet n=4", "error invalid_packet", "error invalid_packet"])
    alice.send(chat(Seal()(" \t")))
    #expect(alice.take() == ["ack 1"], "a blank text is dropped")
  }

  @Test("a private message is sealed for its recipient, and goes to nobody else")
  func toOne() {
    let host = secureRoom()
    for (place, name) in ["alice", "bob", "carol"].enumerated() {
      host.connect().prove(place, ",\"name\":\"\(name)\"")
    }
    host.settleReading()
    host.peers[0].send(chat(Seal(to: "bob")("psst"), to: "bob"))
    let payload = Base64.encode(Seal(to: "bob")("psst")).text
    for peer in host.peers.prefix(2) {
      let lines = peer.takeLines()
      #expect(lines.count == 1 && lines[0].contains("\"to\":\"bob\",\"payload\":\"\(payload)\""))
    }
    #expect(host.peers[2].take() == [])
    host.peers[0].send(chat(Seal(n: 2)("psst"), n: 2, to: "bob"))
    #expect(host.peers[0].take() == ["error decrypt_failed n=2"])
  }

  @Test("after a rename the new name is what a seal covers")
  func renamed() throws {
    let host = secureRoom()
    let alice = SecureClient("alice", in: host, sid: aliceID)
    let bob = SecureClient("bob", in: host, sid: bobID)
    try alice.say("before")
    alice.peer.send("{\"type\":\"nick\",\"name\":\"alicia\"}")
    alice.pump()
    #expect(alice.session.name == "alicia")
    try alice.say("after")
    #expect(bob.shown() == ["alice: before", "alicia: after"])
    alice.peer.send(chat(Seal(n: 3)("as alice"), n: 3))
    #expect(alice.peer.take().last == "error decrypt_failed n=3")
  }

  @Test("the host's own lines are sealed, numbered under a sid of its own")
  func hostLines() throws {
    let host = secureRoom()
    let alice = SecureClient("alice", in: host, sid: aliceID)
    for text in ["welcome", "again"] {
      host.room.withLock { room in
        #expect(throws: Never.self) { try room.sayAsServer(text, at: host.moment) }
      }
    }
    #expect(alice.shown() == ["server: welcome", "server: again"])
    let lines = alice.peer.takeLines().suffix(2)
    for (n, line) in zip(1..., lines) {
      #expect(line.contains("\"encrypted\":true") && !line.contains("\"text\""))
      #expect(line.hasSuffix("\"sid\":\"\(hostID)\",\"n\":\(n)}"))
    }
    alice.peer.send(chat(Seal(sid: hostID)("as the host"), sid: hostID))
    #expect(alice.peer.takeLines().last?.contains("\"code\":\"not_allowed\"") == true)
  }

  // MARK: What a client shows

  /// Says to an admitted client what a host might, and returns what it shows.
  private func shown(_ client: SecureClient, _ lines: [String]) -> [String] {
    let bytes = Array(lines.map { $0 + "\n" }.joined().utf8)
    let events = client.session.receive(bytes.span, at: Moment(monotonic: 0, unixMilliseconds: 0))
    return events.compactMap { event in
      guard case .packet(.chat(let chat), _) = event, case .text(let text) = chat.body else {
        return nil
      }
      return "\(chat.from): \(text)"
    }
  }

  private func heard(
    _ seal: Seal, _ text: String, from: String = "alice", sid: String = aliceID, n: Int64? = nil,
    id: Int
  ) -> String {
    "{\"type\":\"chat\",\"encrypted\":true,\"from\":\"\(from)\","
      + "\"payload\":\"\(Base64.encode(seal(text)).text)\",\"id\":\(id),"
      + "\"sid\":\"\(sid)\",\"n\":\(n ?? seal.n)}"
  }

  private let unopened = "[a message that does not open]"

  @Test(
    "a client shows nothing that is clear, marks what does not open, and drops what it has shown")
  func clientShows() {
    let bob = SecureClient("bob", in: secureRoom(), sid: bobID)
    #expect(
      shown(
        bob,
        [
          "{\"type\":\"chat\",\"encrypted\":false,\"from\":\"alice\",\"text\":\"clear\",\"id\":10}",
          "{\"type\":\"chat\",\"from\":\"alice\",\"text\":\"clear\",\"id\":11,"
            + "\"sid\":\"\(aliceID)\",\"n\":1}",
        ]) == [])
    #expect(shown(bob, [heard(Seal(n: 1), "one", id: 12)]) == ["alice: one"])
    #expect(shown(bob, [heard(Seal(n: 1), "one", id: 13)]) == [], "a replay")
    #expect(
      shown(bob, [heard(Seal(n: 2), "two", from: "carol", id: 14)]) == ["carol: \(unopened)"])
    #expect(shown(bob, [heard(Seal(n: 5), "five", id: 15)]) == ["alice: five"])
    #expect(shown(bob, [heard(Seal(n: 4), "four", id: 16)]) == [], "older than what was shown")
    #expect(
      shown(bob, [heard(Seal(n: 6), "six", n: 7, id: 17)]) == ["alice: \(unopened)"],
      "another n than was sealed")
    #expect(
      shown(bob, [heard(Seal(room: "elsewhere", n: 8), "x", id: 18)]) == ["alice: \(unopened)"])
  }

  @Test("a message that does not open settles nothing and hides none that comes after it")
  func unopenedChangesNothing() throws {
    let bob = SecureClient("bob", in: secureRoom(), sid: bobID)
    #expect(
      shown(bob, [heard(Seal(), "x", n: 1_000_000, id: 10)]) == ["alice: \(unopened)"])
    #expect(shown(bob, [heard(Seal(n: 1), "one", id: 11)]) == ["alice: one"])
    try bob.session.say("mine")
    let forged = heard(Seal(), "not mine", from: "bob", sid: bobID, n: 1, id: 12)
    #expect(shown(bob, [forged]) == ["bob: \(unopened)"])
    #expect(bob.session.unsettledCount == 1)
  }

  // MARK: Version 1 in a secure room

  @Test("with --compat a version 1 member gets cipher 1, and what it says is sealed anew")
  func versionOne() throws {
    let host = secureRoom(versionOne: true)
    let alice = SecureClient("alice", in: host, sid: aliceID)
    let old = host.connect()
    #expect(old.takeLines()[0].contains("\"auth\":[\"spake2plus\",\"password\"]"))
    old.send("{\"type\":\"auth\",\"password\":\"sesame\",\"name\":\"Old\"}")
    let keys = FakeVersionOneKeys()
    func opened(_ line: String) throws -> (packet: HostPacket, text: String?) {
      let packet = try hostPacket(line).get()
      let payload: String?
      switch packet {
      case .chat(let chat):
        if case .payload(let p) = chat.body { payload = p } else { payload = nil }
      case .system(let system):
        if case .payload(let p) = system.body { payload = p } else { payload = nil }
      default: payload = nil
      }
      return (packet, payload.flatMap { Base64.decoded($0) }.flatMap { keys.open($0)?.text })
    }
    var lines = old.takeLines()
    #expect(lines.count == 3 && lines[0].contains("\"client_name\":\"Old\""))
    #expect(!lines[0].contains("token"))
    #expect(try opened(lines[1]).text?.hasPrefix("Old joined from ") == true)
    #expect(lines[2] == "{\"type\":\"count\",\"total\":2}")

    try alice.say("hello, old one")
    lines = old.takeLines()
    #expect(lines.count == 1)
    let heard = try opened(lines[0])
    #expect(heard.text == "hello, old one")
    guard case .chat(let chat) = heard.packet else {
      Issue.record("no chat")
      return
    }
    #expect(chat.from == "alice")

    let payload = Base64.encode(keys.seal(Array("hello, new one".utf8))!).text
    old.send("{\"type\":\"chat\",\"encrypted\":true,\"payload\":\"\(payload)\"}")
    #expect(alice.shown().last == "Old: hello, new one")
    #expect(try opened(old.takeLines()[0]).text == "hello, new one")
    let sealed = alice.peer.takeLines().last ?? ""
    #expect(sealed.contains("\"sid\":\"\(hostID)\",\"n\":1}") && !sealed.contains(payload))

    // What is for one member does not go to all.
    old.send("{\"type\":\"chat\",\"encrypted\":true,\"payload\":\"\(payload)\",\"to\":\"alice\"}")
    #expect(old.take() == ["error not_allowed"])
    #expect(alice.shown() == [])

    old.send("{\"type\":\"chat\",\"encrypted\":false,\"text\":\"in clear\"}")
    #expect(old.take() == ["error invalid_packet"])
    let spoiled = Base64.encode(keys.seal(Array("x".utf8))! + [0]).text
    old.send("{\"type\":\"chat\",\"encrypted\":true,\"payload\":\"\(spoiled)\"}")
    #expect(old.take() == ["error decrypt_failed"])
    #expect(alice.shown() == [])
    try host.room.withLock { room throws(Room.SayFailure) in
      try room.sayAsServer("for all", at: host.moment)
    }
    #expect(try opened(old.takeLines()[0]).text == "for all")
  }

  @Test("with --compat a wrong password is refused and counted, and silence admits nobody")
  func versionOneRefused() {
    let host = secureRoom(versionOne: true)
    for _ in 0..<10 {
      let peer = host.connect(source: [1])
      peer.send("{\"type\":\"auth\",\"password\":\"guess\"}")
      #expect(peer.take().last == "refused Wrong password.")
    }
    let peer = host.connect(source: [1])
    peer.send("{\"type\":\"auth\",\"password\":\"sesame\"}")
    #expect(peer.take().last == "refused Too many attempts. Try again later.")
    for _ in 0..<12 {
      let old = host.connect(source: [2])
      old.send("{\"type\":\"auth\",\"password\":\"sesame\"}")
      #expect(old.take().contains { $0.hasPrefix("admitted") })
    }
    let silent = host.connect()
    host.pass(seconds: 9)
    #expect(silent.take() == ["hello"])
  }
}
