import Foundation
import Testing

@testable import ChatCore

@Suite struct ResumeTests {
  private func resume(_ peer: Peer, as name: String = "alice", token: String, since: Int64?) {
    let since = since.map { ",\"room\":\"\(TestRoom.id)\",\"since\":\($0)" } ?? ""
    peer.auth(name, ",\"token\":\"\(token)\"\(since)")
  }

  @Test("a lost member keeps its place for 5 s and then leaves")
  func grace() {
    let host = TestRoom()
    let bob = host.member("bob")
    for isLost in [true, false] {
      let alice = host.member("alice")
      _ = bob.take()
      if isLost { alice.drop() } else { alice.endStream() }
      host.pass(milliseconds: 4_999)
      #expect(bob.take() == [])
      #expect(host.names == ["bob", "alice"])
      host.pass(milliseconds: 1)
      #expect(bob.take().map { $0.prefix(7) } == ["leave a", "count 1"])
      #expect(host.names == ["bob"])
    }
  }

  @Test("version 1 and text clients are gone at once")
  func noGrace() {
    let host = TestRoom()
    let bob = host.member("bob")
    for peer in [host.oldMember("x"), host.textMember()] {
      peer.drop()
    }
    #expect(host.names == ["bob"])
    #expect(bob.take().last == "count 1")
  }

  @Test("a token brings a lost member back: no leave, no join, no count")
  func back() {
    let host = TestRoom()
    let bob = host.member("bob")
    let alice = host.member("alice")
    host.settleReading()
    alice.drop()
    bob.say("missed")
    host.pass(seconds: 4)
    let again = host.connect()
    resume(again, token: alice.token, since: 2)
    #expect(again.take() == ["hello", "admitted alice id=3 total=2", "bob: missed #3"])
    host.pass(seconds: 20)
    #expect(bob.take() == ["bob: missed #3"])
    #expect(host.total == 2)
  }

  @Test("a private message to a lost member waits for it, and what its sender says behind it")
  func privateToLost() {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    host.settleReading()
    bob.drop()
    alice.receive(
      Array(
        (#"{"type":"chat","text":"one","to":"bob","sid":"0123456789abcdef","n":1}"# + "\n"
          + #"{"type":"chat","text":"two","sid":"0123456789abcdef","n":2}"# + "\n").utf8))
    host.pass(milliseconds: 4_500)
    #expect(alice.take() == [])
    #expect(alice.session.wantsBytes == false)
    let again = host.connect()
    resume(again, as: "bob", token: bob.token, since: 2)
    host.pass(milliseconds: 50)
    let both = ["alice->bob: one n=1", "alice: two #3 n=2"]
    #expect(again.take() == ["hello", "admitted bob id=2 total=2"] + both)
    #expect(alice.take() == both)
    #expect(alice.session.wantsBytes == true)
  }

  @Test("a private message to a lost member that does not come again is refused when it leaves")
  func privateToGone() {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    host.settleReading()
    bob.drop()
    alice.say("one", n: 1, to: "bob")
    // All it has said counts, although it is gone itself by then.
    alice.endStream()
    host.pass(milliseconds: 4_999)
    #expect(alice.take() == [])
    #expect(!alice.isOver)
    host.pass(milliseconds: 51)
    #expect(alice.take() == ["leave bob #3", "count 1", "error no_such_member n=1"])
    #expect(alice.isOver)
  }

  @Test(
    "a private message waits too where nothing reaches the recipient, and its lines are still unread"
  )
  func privateToUnreachable() {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    host.settleReading()
    bob.session.abandon(in: host.room)
    alice.say("one", n: 1, to: "bob")
    host.pass(seconds: 2)
    #expect(alice.take() == [])
    #expect(host.names == ["alice", "bob"])
    let again = host.connect()
    resume(again, as: "bob", token: bob.token, since: 2)
    host.pass(milliseconds: 50)
    #expect(again.take().last == "alice->bob: one n=1")
    #expect(alice.take() == ["alice->bob: one n=1"])
  }

  @Test("what one says to oneself waits for nobody, however unreachable one is")
  func privateToOneself() {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    host.settleReading()
    bob.session.abandon(in: host.room)
    bob.say("note", n: 1, to: "bob")
    bob.say("to all", n: 2)
    #expect(alice.take() == ["bob: to all #3 n=2"])
  }

  @Test("a since that no stream ever reaches is a gap")
  func farSince() {
    let host = TestRoom()
    let alice = host.member("alice")
    alice.drop()
    for since in [2, Limits.largestInteger + 1, .max] {
      let again = host.connect()
      resume(again, token: alice.token, since: since)
      #expect(again.take()[1] == "admitted alice id=1 total=1 gap", "\(since)")
    }
  }

  @Test("a private message that waits goes to whom it was for, not to who takes the name")
  func privateToNamesake() {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    host.settleReading()
    bob.drop()
    host.pass(milliseconds: 20)
    alice.say("secret", n: 1, to: "bob")
    // Between two tries: his place is given up as the other comes.
    host.pass(milliseconds: 4_985)
    let other = host.member("bob")
    host.pass(milliseconds: 100)
    #expect(alice.take().contains("error no_such_member n=1"))
    #expect(other.take().allSatisfy { !$0.contains("secret") })
    alice.say("hello", n: 1, to: "bob")
    #expect(other.take() == ["alice->bob: hello n=1"])
  }

  @Test("a member that is lost again and again does not silence who speaks to it")
  func privateToFlickering() {
    let host = TestRoom()
    let alice = host.member("alice")
    var bob = host.member("bob")
    host.settleReading()
    bob.drop()
    alice.say("one", n: 1, to: "bob")
    for _ in 0..<3 {
      host.pass(milliseconds: 2_500)
      let again = host.connect()
      resume(again, as: "bob", token: bob.token, since: 2)
      bob = again
      bob.drop()
    }
    #expect(alice.take() == ["error no_such_member n=1"])
    #expect(alice.session.wantsBytes == true)
  }

  @Test("a sender that is kicked, or loses its connection, while its private message waits")
  func privateOfTheLost() throws {
    let host = TestRoom()
    let alice = host.member("alice")
    let carol = host.member("carol")
    let bob = host.member("bob")
    host.settleReading()
    bob.drop()
    alice.say("one", n: 1, to: "bob")
    carol.say("two", to: "bob")
    alice.drop()
    let moment = host.moment
    let kicked = try host.room.withLock { room throws(Room.KickFailure) in
      try room.kick("carol", reason: "", at: moment)
    }
    if let end = kicked.end { host.route([end]) }
    let back = host.connect()
    resume(back, as: "bob", token: bob.token, since: 3)
    let again = host.connect()
    resume(again, token: alice.token, since: 3)
    host.pass(seconds: 1)
    #expect(back.take().allSatisfy { !$0.contains("->bob") })
    again.say("one", n: 1, to: "bob")
    #expect(back.take() == ["alice->bob: one n=1"])
    host.pass(seconds: 10)
    #expect(host.names == ["alice", "bob"])
  }

  @Test("a token takes over from a connection that still holds the member")
  func takeover() {
    let host = TestRoom()
    let bob = host.member("bob")
    let alice = host.member("alice")
    host.settleReading()
    let again = host.connect()
    resume(again, token: alice.token, since: 1)
    #expect(alice.take() == ["bye taken_over"])
    #expect(alice.session.end == .afterSending)
    #expect(again.take() == ["hello", "admitted alice id=2 total=2", "join alice #2", "count 2"])
    #expect(bob.take() == [])
    alice.drop()
    host.pass(seconds: 10)
    #expect(bob.take() == [])
    again.say("me")
    #expect(bob.take() == ["alice: me #3"])
    // And once more, by the new token.
    let third = host.connect()
    resume(third, token: again.token, since: nil)
    #expect(again.take().last == "bye taken_over")
    #expect(third.take()[1] == "admitted alice id=3 total=2")
  }

  @Test("a member that had left already is seen to join again, as the same")
  func afterLeave() {
    let host = TestRoom()
    let bob = host.member("bob")
    let alice = host.member("alice")
    alice.say("one", n: 1)
    host.settleReading()
    alice.drop()
    host.pass(seconds: 6)
    let again = host.connect()
    resume(again, token: alice.token, since: 3)
    #expect(
      again.take() == [
        "hello", "admitted alice id=4 total=2", "leave alice #4", "count 1", "join alice #5",
        "count 2",
      ])
    // Its sid is still its own, and what it said is not said twice.
    again.say("one", n: 1)
    again.say("two", n: 2)
    #expect(again.take() == ["ack 1", "alice: two #6 n=2"])
    #expect(bob.take().last == "alice: two #6 n=2")
  }

  @Test("a token is refused for another name, when altered, and when its name is another's")
  func badTokens() {
    let host = TestRoom()
    let alice = host.member("alice")
    let token = alice.token
    alice.send("{\"type\":\"bye\"}")
    var altered = Array(token.utf8)
    altered[20] = altered[20] == 0x41 ? 0x42 : 0x41
    for (name, token) in [
      ("bob", token), ("alice", altered.text), ("alice", ""), ("alice", "AAAA"),
      ("alice", String(repeating: "A", count: 200)), ("alice", token + "\\n"),
    ] {
      let peer = host.connect()
      resume(peer, as: name, token: token, since: nil)
      peer.say("x", n: 1, sid: "sid-of-\(host.peers.count)-0123456789")
      #expect(peer.take().contains { $0.hasPrefix("join ") })
      peer.send("{\"type\":\"bye\"}")
      // Forgotten folding: each comes in a second of its own.
      host.pass(seconds: 2)
    }
    // The name is held by a member of another join: the token counts as none.
    let other = host.member("alice")
    let late = host.connect()
    resume(late, token: token, since: nil)
    #expect(late.take()[1].hasPrefix("admitted alice-2 "))
    #expect(!other.isOver)
  }

  @Test("a token of a join that is a member under another name by now counts as none")
  func renamed() {
    let host = TestRoom()
    let alice = host.member("alice")
    let token = alice.token
    alice.send("{\"type\":\"nick\",\"name\":\"alicia\"}")
    let peer = host.connect()
    resume(peer, token: token, since: nil)
    #expect(peer.take()[1] == "admitted alice id=2 total=2")
    #expect(!alice.isOver)
    #expect(host.names == ["alicia", "alice"])
  }

  @Test("a reserved name comes back with its token")
  func reserved() {
    let host = TestRoom()
    let peer = host.member()
    _ = host.member("x")
    peer.drop()
    let again = host.connect()
    resume(again, as: "clint1", token: peer.token, since: nil)
    #expect(again.take()[1] == "admitted clint1 id=2 total=2")
  }

  @Test("since brings what came after it, in order; history the last ones; since wins")
  func past() {
    let host = TestRoom(history: 10)
    let bob = host.member("bob")
    for number in 2...20 { bob.say("\(number)") }
    func newcomer(_ keys: String) -> [String] {
      let peer = host.connect()
      peer.auth(nil, keys)
      let lines = peer.take().dropFirst()
      peer.send("{\"type\":\"bye\"}")
      host.pass(seconds: 2)
      let end = lines.firstIndex { $0.hasPrefix("join ") }!
      return Array(lines[..<end]).map { String($0.prefix { $0 != "=" }) }
    }
    let room = ",\"room\":\"\(TestRoom.id)\""
    func chats(_ numbers: ClosedRange<Int>) -> [String] { numbers.map { "bob: \($0) #\($0)" } }
    #expect(newcomer(",\"history\":3").dropFirst() == chats(18...20)[...])
    let last = host.lastID
    #expect(last == 22)
    #expect(newcomer("\(room),\"since\":\(last),\"history\":5").count == 1)
    #expect(newcomer(",\"history\":1000").count > 5)
    #expect(newcomer(",\"history\":0").count == 1)
  }

  @Test("where since cannot be served there is a gap, and history holds")
  func gaps() {
    let host = TestRoom(history: 5)
    let bob = host.member("bob")
    for number in 2...20 { bob.say("\(number)") }
    let room = ",\"room\":\"\(TestRoom.id)\""
    let other = ",\"room\":\"ffffffffffffffffffffffffffffffff\""
    for (keys, isGap) in [
      ("\(room),\"since\":15", false), ("\(room),\"since\":14", true),
      ("\(room),\"since\":0", true),
      ("\(other),\"since\":18", true), (",\"since\":18", true),
      ("\(room),\"since\":9007199254740991", true), ("", false), (",\"history\":3", false),
    ] {
      let fresh = TestRoom(history: 5)
      let talker = fresh.member("bob")
      for number in 2...20 { talker.say("\(number)") }
      let peer = fresh.connect()
      peer.auth("x", keys)
      let lines = peer.take()
      #expect(lines[1] == "admitted x id=20 total=2" + (isGap ? " gap" : ""), "\(keys)")
      if keys.contains("15") {
        #expect(
          lines[2...6] == [
            "bob: 16 #16", "bob: 17 #17", "bob: 18 #18", "bob: 19 #19", "bob: 20 #20",
          ])
      }
      if isGap { #expect(lines[2].hasPrefix("join x")) }
    }
    let peer = host.connect()
    peer.auth("x", "\(other),\"since\":18,\"history\":2")
    #expect(
      peer.take()[1...3] == ["admitted x id=20 total=2 gap", "bob: 19 #19", "bob: 20 #20"])
  }

  @Test("a late auth with a token closes the old connection, and a count follows")
  func lateTakeover() {
    let host = TestRoom()
    let bob = host.member("bob")
    let alice = host.member("alice")
    host.settleReading()
    let again = host.connect()
    host.pass(milliseconds: 300)
    _ = again.take()
    #expect(bob.take() == ["join clint1 #3", "count 3"])
    resume(again, token: alice.token, since: 2)
    #expect(
      again.take() == [
        "admitted alice id=3 total=2", "join clint1 #3", "count 3", "rename clint1->alice #4",
        "count 2",
      ])
    #expect(alice.take().last == "bye taken_over")
    #expect(bob.take() == ["rename clint1->alice #4", "count 2"])
    #expect(host.names.sorted() == ["alice", "bob"])
  }

  @Test("a late auth with the token of a lost member makes one of the two, and counts")
  func lateLost() {
    let host = TestRoom()
    let bob = host.member("bob")
    let alice = host.member("alice")
    host.settleReading()
    alice.drop()
    let again = host.connect()
    host.pass(milliseconds: 300)
    resume(again, token: alice.token, since: 2)
    #expect(
      bob.take() == ["join clint1 #3", "count 3", "rename clint1->alice #4", "count 2"])
    host.pass(seconds: 10)
    #expect(host.names.sorted() == ["alice", "bob"])
    #expect(bob.take() == [])
  }

  @Test("a late auth with the token of one that had left is a rename only")
  func lateGone() {
    let host = TestRoom()
    let bob = host.member("bob")
    let alice = host.member("alice")
    alice.say("a", n: 1)
    alice.send("{\"type\":\"bye\"}")
    host.settleReading()
    let again = host.connect()
    host.pass(milliseconds: 300)
    resume(again, token: alice.token, since: nil)
    #expect(bob.take() == ["join clint1 #5", "count 2", "rename clint1->alice #6"])
    again.say("b", n: 2)
    #expect(bob.take() == ["alice: b #7 n=2"])
  }

  @Test("nothing is lost and nothing doubled over many lost connections")
  func manyTimes() {
    var random = Seeded(77)
    let host = TestRoom()
    let watcher = host.member("watcher")
    var alice = host.member("alice")
    var unsettled: [Int64] = []
    var next: Int64 = 1
    var last: Int64 = 2
    func note(_ lines: [String]) {
      for line in lines {
        if let mark = line.range(of: " #"),
          let id = Int64(line[mark.upperBound...].prefix { $0.isNumber })
        {
          #expect(id == last + 1)
          last = id
        }
        let n =
          line.hasPrefix("ack ")
          ? Int64(line.dropFirst(4)) : line.split(separator: "n=").last.flatMap { Int64($0) }
        if let n, line.hasPrefix("ack") || line.hasPrefix("alice:") {
          unsettled.removeAll { $0 == n }
        }
      }
    }
    note([])
    for _ in 0..<200 {
      watcher.send("{\"type\":\"pong\"}")
      let isLost = Int.random(in: 0..<4, using: &random) == 0
      alice.isStuck = isLost
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        alice.say("m\(next)", n: next)
        unsettled.append(next)
        next += 1
      }
      if isLost {
        let token = alice.token
        alice.drop()
        if Bool.random(using: &random) { host.pass(seconds: 7) }
        alice = host.connect()
        resume(alice, token: token, since: last)
        note(alice.take())
        for n in unsettled { alice.say("m\(n)", n: n) }
      }
      note(alice.take())
      #expect(unsettled.isEmpty)
    }
    let said = watcher.take().filter { $0.hasPrefix("alice:") }.map { $0.split(separator: " ")[1] }
    #expect(said == (1..<next).map { "m\($0)" })
  }
}
