import Foundation
import Testing

@testable import ChatCore

/// A room and its log file, all in memory.
@Suite("the log file") struct LogTests {
  private func host(_ log: [UInt8] = TestRoom.logHead, history: Int = 1_000) throws -> TestRoom {
    try TestRoom(log: log, history: history)
  }

  private func resume(_ peer: Peer, as name: String, token: String, since: Int64) {
    peer.auth(
      name, ",\"token\":\"\(token)\",\"room\":\"\(TestRoom.id)\",\"since\":\(since)")
  }

  @Test("a room that goes on is the same room: ids, members, tokens, numbers, history")
  func goesOn() throws {
    let first = try host()
    let alice = first.member("alice")
    let bob = first.member("bob")
    alice.say("one", n: 1)
    alice.say("whisper", n: 2, to: "bob")
    bob.send("{\"type\":\"nick\",\"name\":\"robert\"}")
    let second = try host(first.written)
    #expect(second.lastID == first.lastID)
    #expect(second.names == ["alice", "robert"])
    let again = second.connect()
    resume(again, as: "alice", token: alice.token, since: 2)
    #expect(
      again.take() == [
        "hello", "admitted alice id=4 total=2", "alice: one #3 n=1", "rename bob->robert #4",
      ])
    for n in 1...2 { again.say("again", n: Int64(n), to: n == 2 ? "robert" : nil) }
    #expect(again.take() == ["ack 1", "ack 2"])
    again.say("next", n: 3)
    #expect(again.take() == ["alice: next #5 n=3"])
    let stranger = second.member("mallory")
    stranger.say("mine", n: 9)
    #expect(stranger.take().map { $0.prefix(17) } == ["error not_allowed"])
    second.pass(seconds: 6)
    #expect(again.take() == ["leave robert #7", "count 2"])
  }

  @Test("members that had no token leave at once when the host comes back")
  func noToken() throws {
    let first = try host()
    _ = first.member("alice")
    _ = first.oldMember("old")
    _ = first.textMember()
    let second = try host(first.written)
    second.pass(milliseconds: 1)
    #expect(second.names == ["alice"])
  }

  @Test("nobody receives what is not in the file, nor an answer that rests on it")
  func order() throws {
    let host = try host()
    let alice = host.member("alice")
    let bob = host.member("bob")
    let line = host.textMember()
    host.settleReading()
    host.isRecording = false
    alice.say("one", n: 1)
    alice.say("one", n: 1)
    alice.say("whisper", n: 2, to: "bob")
    alice.say("whisper", n: 2, to: "bob")
    bob.send("{\"type\":\"nick\",\"name\":\"robert\"}")
    let carol = host.connect()
    carol.auth("carol")
    for peer in [alice, bob, line] { #expect(peer.take() == []) }
    #expect(carol.take() == ["hello"])
    host.isRecording = true
    #expect(
      alice.take() == [
        "alice: one #5 n=1", "ack 1", "alice->bob: whisper n=2", "ack 2",
        "rename bob->robert #6", "join carol #7", "count 4",
      ])
    #expect(
      bob.take() == [
        "alice: one #5 n=1", "alice->bob: whisper n=2", "rename bob->robert #6 token",
        "join carol #7", "count 4",
      ])
    #expect(carol.take().first == "admitted carol id=6 total=4")
    #expect(line.takeLines().first == "alice: one")
  }

  @Test("one that turns out to read lines gets no packet before it is in the file")
  func lateText() throws {
    let host = try host()
    let alice = host.member("alice")
    let silent = host.connect()
    host.pass(milliseconds: 300)
    host.settleReading()
    host.isRecording = false
    alice.say("one")
    silent.send("by hand")
    #expect(silent.takeLines() == [])
    host.isRecording = true
    #expect(silent.takeLines().count == 2)
  }

  @Test("a note alone holds a private message back")
  func noteAlone() throws {
    let host = try host()
    let alice = host.member("alice")
    let bob = host.member("bob")
    host.settleReading()
    host.isRecording = false
    alice.say("whisper", n: 1, to: "bob")
    #expect(alice.take() == [])
    #expect(bob.take() == [])
    host.isRecording = true
    #expect(bob.take() == ["alice->bob: whisper n=1"])
    #expect(host.written.text.contains("\"type\":\"said\""))
    #expect(!host.written.text.contains("whisper"))
  }

  @Test("what is no longer in memory comes from the file, before all that is said meanwhile")
  func longAgo() throws {
    var random = Seeded(8)
    let host = try host(history: 2)
    let alice = host.member("alice")
    let bob = host.member("bob")
    for n in 1...40 { bob.say("\(n)") }
    alice.drop()
    let again = host.connect()
    resume(again, as: "alice", token: alice.token, since: 1)
    #expect(again.take() == ["hello", "admitted alice id=42 total=2"])
    bob.say("live")
    bob.say("psst", to: "alice")
    again.send("{\"type\":\"nick\",\"name\":\"alicia\"}")
    var stretches = 0
    while let wanted = again.session.takeWantedOlder() {
      stretches += 1
      var stretch = OlderStretch(wanted)
      let offset = Int(wanted.place?.offset ?? 0)
      let count = Int.random(in: 600...1_200, using: &random)
      let taken = try stretch.take(Array(host.written[offset...].prefix(count)).span)
      stretch.place = OlderPackets.Place(part: 0, offset: UInt64(offset + taken))
      again.session.receiveOlder(stretch.bytes, rest: stretch.isComplete ? nil : stretch.rest)
      bob.say("meanwhile")
    }
    #expect(stretches > 2)
    let told = again.take()
    let old = ["join bob #2", "count 2"] + (1...40).map { "bob: \($0) #\($0 + 2)" }
    #expect(told.prefix(old.count) == old[...])
    #expect(
      told.dropFirst(old.count).prefix(3) == [
        "bob: live #43", "bob->alice: psst", "rename alice->alicia #44 token",
      ])
    #expect(told.count { $0.hasPrefix("bob: meanwhile") } == stretches)
  }

  @Test("without its file the room goes on, and with it again it knows that something is missing")
  func abandoned() throws {
    let host = try host()
    let alice = host.member("alice")
    host.isRecording = false
    alice.say("lost", n: 1)
    host.room.withLock { $0.abandonLog() }
    #expect(alice.take() == ["alice: lost #2 n=1"])
    alice.say("too", n: 2)
    #expect(alice.take() == ["alice: too #3 n=2"])
    let lost = LogNote.lost(id: 1 + Limits.idsLeftOut).line
    let second = try self.host(host.written + lost)
    let again = second.connect()
    resume(again, as: "alice", token: alice.token, since: 3)
    #expect(again.take() == ["hello", "admitted alice id=\(1 + Limits.idsLeftOut) total=1 gap"])
    again.say("here", n: 3)
    #expect(again.take() == ["alice: here #\(2 + Limits.idsLeftOut) n=3"])
  }

  @Test("what a killed host had folded is told when the room goes on")
  func foldedAtTheEnd() throws {
    let first = try host()
    let alice = first.member("alice")
    for number in 1...14 { _ = first.member("m\(number)") }
    func comeBack(to host: TestRoom, since: Int64) -> (Peer, told: [String]) {
      let again = host.connect()
      resume(again, as: "alice", token: alice.token, since: since)
      host.pass(milliseconds: 1)
      return (again, again.take().filter { !$0.hasPrefix("join") && !$0.hasPrefix("leave") })
    }
    let second = try host(first.written)
    let (again, joins) = comeBack(to: second, since: 10)
    #expect(
      joins == [
        "hello", "admitted alice id=16 total=15", "notice 5 clints joined. #16", "count 15",
      ])
    // The others do not come again.
    second.pass(milliseconds: 5_100)
    #expect(again.take().last == "count 5")
    let third = try host(second.written)
    let (_, leaves) = comeBack(to: third, since: 26)
    // One that went on without its log has told of it.
    let lost = try self.host(second.written + LogNote.lost(id: 1 + Limits.idsLeftOut).line)
    #expect(!comeBack(to: lost, since: 26).told.contains { $0.hasPrefix("notice") })
    #expect(leaves.suffix(2) == ["notice 4 clints disconnected. #27", "count 1"])
  }

  @Test("a packet that somebody took out of the file is a gap for those who were there before it")
  func packetTakenOut() throws {
    let host = try host()
    let alice = host.member("alice")
    for n in 1...6 { alice.say("\(n)") }
    var lines = host.written.text.split(separator: "\n", omittingEmptySubsequences: false)
    let index = try #require(lines.firstIndex { $0.contains("\"text\":\"3\"") })
    lines.remove(at: index)
    let log = Array(lines.joined(separator: "\n").utf8)
    for (since, isGap) in [(3 as Int64, true), (4, false), (7, false)] {
      let second = try self.host(log)
      let again = second.connect()
      resume(again, as: "alice", token: alice.token, since: since)
      let told = again.take()
      #expect(told[1] == "admitted alice id=7 total=1" + (isGap ? " gap" : ""))
      #expect(
        told.dropFirst(2) == (isGap ? [] : (since..<7).map { "alice: \($0) #\($0 + 1)" })[...])
    }
    // Newcomers get what came behind it.
    let newcomer = try self.host(log).connect()
    newcomer.auth("bob", ",\"history\":9")
    #expect(
      newcomer.take().prefix(5).dropFirst(2) == ["alice: 4 #5", "alice: 5 #6", "alice: 6 #7"])
  }

  @Test("a file whose ids leave none to go on with is refused")
  func largestID() throws {
    func log(lastID: Int64) -> [UInt8] {
      TestRoom.logHead + LogNote.drawn(id: lastID).line
    }
    #expect(
      try TestRoom.restore(log(lastID: Limits.largestLogID)).room.lastID == Limits.largestLogID)
    #expect(throws: LogFailure.self) { try TestRoom.restore(log(lastID: Limits.largestLogID + 1)) }
    #expect(throws: LogFailure.self) { try TestRoom.restore(log(lastID: Limits.largestInteger)) }
  }

  /// A conversation with all that a log file has to keep.
  private func conversation(_ seed: UInt64) throws -> (log: [UInt8], ends: [Int: String]) {
    var random = Seeded(seed)
    let host = try host()
    var ends: [Int: String] = [:]
    func note() {
      ends[host.written.count] = "\(host.lastID) \(host.names.sorted())"
    }
    var peers: [(Peer, name: String, n: Int64)] = []
    note()
    for step in 0..<60 {
      switch UInt8.random(in: 0..<10, using: &random) {
      case 0...1:
        let name = "m\(step)"
        peers.append((host.member(name), name, 0))
      case 2: _ = host.oldMember("o\(step)")
      case 3:
        // More than are announced one by one.
        if peers.count < 30 { for _ in 0..<12 { peers.append((host.member(), "", 0)) } }
      case 4:
        if !peers.isEmpty {
          let index = Int.random(in: peers.indices, using: &random)
          peers.remove(at: index).0.endStream()
        }
      case 5:
        if let (peer, name, _) = peers.randomElement(using: &random), !name.isEmpty {
          peer.send("{\"type\":\"nick\",\"name\":\"r\(step)\"}")
        }
      case 6: host.pass(milliseconds: 1_100)
      default:
        if !peers.isEmpty {
          let index = Int.random(in: peers.indices, using: &random)
          peers[index].n += 1
          let to = Bool.random(using: &random) ? host.names.randomElement(using: &random) : nil
          peers[index].0.say(
            "text \(step)", n: peers[index].n,
            sid: "sid-0123456789-\(peers[index].0.session.id.slot)",
            to: to)
        }
      }
      host.settle()
      note()
    }
    return (host.written, ends)
  }

  @Test("cut at every byte, it makes a room that was", arguments: [1, 2, 3] as [UInt64])
  func everyPrefix(seed: UInt64) throws {
    let (log, ends) = try conversation(seed)
    var reader = LogReader(history: 1_000)
    var last: Int64 = 0
    for count in 1...log.count {
      try reader.receive(log[count - 1..<count].span)
      var end = reader
      guard case .room(let room) = try end.finish() else {
        #expect(count < TestRoom.logHead.count)
        continue
      }
      #expect(room.lastID >= last)
      last = room.lastID
      if let known = ends[count] {
        #expect(reader.wholeEnd == count)
        #expect(told(room) == known)
      }
      guard count % 97 == 0 else { continue }
      // What was whole makes the same room, however it comes.
      let prefix = Array(log[..<count])
      let (other, wholeEnd) = try TestRoom.restore(prefix, stretch: 1 + count % 50)
      #expect(wholeEnd == reader.wholeEnd)
      #expect(told(other) == told(room))
      let host = try host(prefix)
      let newcomer = host.member("newcomer")
      newcomer.say("goes on", n: 1, sid: "newcomers-sid-0123")
      #expect(newcomer.take().map { $0.prefix(17) } == ["newcomer: goes on"])
      // Who has no token is gone already.
      #expect(host.total == room.members.values.count { $0.hasToken } + 1)
      #expect(try TestRoom.restore(host.written).wholeEnd == host.written.count)
    }
    #expect(log.count > 3_000)
  }

  private func told(_ room: RestoredRoom) -> String {
    "\(room.lastID) \(room.members.values.map(\.name.text).sorted())"
  }

  @Test("a new part begins with all that the old one's end knew")
  func parts() throws {
    let (log, _) = try conversation(4)
    let (old, _) = try TestRoom.restore(log)
    let host = try host(log)
    let snapshot = host.room.withLock { $0.snapshot }
    let (head, bytes) = snapshot.beginning(after: old.head)
    let (new, wholeEnd) = try TestRoom.restore(bytes)
    #expect(wholeEnd == bytes.count)
    #expect(head.lastID == old.lastID)
    #expect(new.lastID == old.lastID)
    #expect(new.members.mapValues(\.name.text) == old.members.mapValues(\.name.text))
    #expect(new.lastNumber == old.lastNumber)
    let known = old.senders.all.map { "\($0.number.sid.bytes) \($0.number.n) \($0.owner)" }
    let carried = new.senders.all.map { "\($0.number.sid.bytes) \($0.number.n) \($0.owner)" }
    #expect(carried == known)
    #expect(!known.isEmpty)
  }

  @Test("whatever is changed in it, it is refused or makes a room that goes on")
  func mutations() throws {
    let (log, _) = try conversation(5)
    var random = Seeded(6)
    var refused = 0
    for _ in 0..<150 {
      var bytes = log
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let at = Int.random(in: bytes.indices, using: &random)
        switch UInt8.random(in: 0..<4, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: at)
        case 2:
          // A stretch of it, again.
          let count = min(Int.random(in: 1...300, using: &random), bytes.count - at)
          bytes.insert(contentsOf: bytes[at..<at + count], at: at)
        default: bytes[at] = UInt8(ascii: "0") + UInt8.random(in: 0...9, using: &random)
        }
      }
      do {
        let host = try host(bytes)
        let member = host.member("newcomer")
        member.say("goes on")
        host.pass(seconds: 7)
        _ = try TestRoom.restore(host.written)
      } catch {
        #expect(error is LogFailure || error is TestRoom.NoRoom)
        refused += 1
      }
    }
    #expect(refused > 40)
  }

  @Test("what is damaged is refused in words")
  func damage() throws {
    let head = TestRoom.logHead
    func refused(_ text: String) -> String? {
      do {
        _ = try TestRoom.restore(Array(text.utf8))
        return nil
      } catch {
        return (error as? LogFailure)?.words
      }
    }
    let first = head.text
    let joined = "{\"type\":\"joined\",\"join\":1,\"name\":\"alice\",\"version\":2}\n"
    let chat = "{\"type\":\"chat\",\"from\":\"alice\",\"text\":\"x\",\"id\":5}\n"
    #expect(refused("something else") == "this is not a log of netchat's")
    #expect(refused("{\"type\":\"chat\"}\n") == "this is not a log of netchat's")
    #expect(
      refused(first.replacing("\"format\":1", with: "\"format\":2"))
        == "it is of format 2, and this program reads format 1")
    #expect(
      refused(first.replacing("\"mode\"", with: "\"mood\""))
        == "line 1 is damaged: The first line lacks something.")
    #expect(refused(first + "\n") == "line 2 is damaged: Not valid JSON at byte 1.")
    #expect(
      refused(first + "{\"type\":\"pong\"}\n")
        == "line 2 is damaged: This is neither a packet nor a note.")
    #expect(
      refused(first + joined + joined.replacing(":1,", with: ":2,"))
        == "line 3 is damaged: This name is taken.")
    #expect(
      refused(first + chat + chat) == "line 3 is damaged: Its id does not follow the last.")
    #expect(
      refused(first + "{\"type\":\"left\",\"join\":1}\n")
        == "line 2 is damaged: Who left was not there.")
    let long = String(repeating: "x", count: Limits.hostLine)
    #expect(refused(first + long + "\n") == "line 2 is longer than 131072 bytes")
    // Without an end it is only a line that was not written whole.
    #expect(refused(first + long + long) == nil)
    #expect(refused(first + joined + chat) == nil)
  }

  @Test("a first line that is not byte for byte as a host writes it is refused")
  func rewrittenHead() {
    let head = TestRoom.logHead.text
    for other in [
      "\r" + head, " " + head, head.replacingOccurrences(of: "true ,", with: "true,"),
      head.replacingOccurrences(of: "\"format\":1", with: "\"format\": 1"),
    ] {
      #expect(other != head)
      #expect(throws: LogFailure.self) { try host(Array(other.utf8)) }
    }
  }
}
