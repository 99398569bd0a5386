import Testing

@testable import ChatCore

@Suite struct SilenceTests {
  @Test("a silent member is pinged after 30 s and given up after 75 s")
  func silence() {
    let host = TestRoom()
    let alice = host.member("alice")
    host.pass(milliseconds: 29_999)
    #expect(alice.take() == [])
    host.pass(milliseconds: 1)
    #expect(alice.take() == ["ping"])
    host.pass(milliseconds: 44_999)
    #expect(alice.take() == [])
    #expect(!alice.isOver)
    host.pass(milliseconds: 1)
    // A bye of the host's: no grace.
    #expect(alice.take().last == "bye timeout")
    #expect(alice.session.end == .afterSending)
    #expect(host.total == 0)
  }

  @Test("whatever is heard begins the silence anew")
  func heard() {
    let host = TestRoom()
    let alice = host.member("alice")
    for line in ["{\"type\":\"pong\"}", "\n", "{\"type\":\"dance\"}"] {
      host.pass(seconds: 31)
      #expect(alice.take() == ["ping"])
      host.pass(seconds: 40)
      alice.send(line)
      host.pass(milliseconds: 29_999)
      #expect(alice.take() == [])
      alice.send("{\"type\":\"pong\"}")
    }
    host.pass(seconds: 74)
    #expect(!alice.isOver)
  }

  @Test("version 1 and text clients are neither pinged nor given up")
  func others() {
    let host = TestRoom()
    let peers = [host.oldMember("a"), host.textMember()]
    let silent = host.connect()
    host.pass(milliseconds: 300)
    host.settleReading()
    host.pass(seconds: 1_000)
    for peer in peers + [silent] {
      #expect(peer.take() == [])
      #expect(!peer.isOver)
    }
    peers[0].send("{\"type\":\"ping\"}")
    #expect(peers[0].take() == ["pong"])
  }
}

@Suite struct FarewellTests {
  @Test("a host that shuts down says so to everybody, and no one is seen to leave")
  func shutdown() {
    let host = TestRoom()
    let peers = [host.member("a"), host.oldMember("b"), host.connect()]
    let text = host.textMember()
    host.settleReading()
    for peer in host.peers { peer.session.bid(.shutdown, in: host.room, at: host.moment) }
    for peer in peers { #expect(peer.take() == ["bye shutdown"]) }
    #expect(
      text.takeLines() == ["Connection closed by remote host: The host is shutting down."])
    for peer in host.peers { #expect(peer.session.end == .afterSending) }
  }

  @Test("one that reads too slowly is cut, and gets its bye behind the packet it has begun")
  func tooSlow() {
    let host = TestRoom()
    let bob = host.member("bob")
    let alice = host.member("alice")
    let text = host.textMember()
    host.settleReading()
    for peer in [alice, text] { peer.isStuck = true }
    for _ in 0..<100 { bob.say(String(repeating: "x", count: 1_000)) }
    #expect(alice.session.outflow.lag > 100_000)
    for peer in [alice, text] {
      peer.session.bid(.tooSlow, in: host.room, at: host.moment)
      peer.isStuck = false
    }
    #expect(alice.take() == ["bye too_slow"])
    #expect(
      text.takeLines() == ["Connection closed by remote host: You do not read fast enough."])
    #expect(host.names == ["bob"])
  }

  @Test("a kicked member's bye says why")
  func kicked() {
    let host = TestRoom()
    let alice = host.member("alice")
    alice.session.bid(.kicked(reason: "Spam."), in: host.room, at: host.moment)
    #expect(alice.takeLines().last == "{\"type\":\"bye\",\"code\":\"kicked\",\"reason\":\"Spam.\"}")
  }

  @Test("after its end a session takes and gives nothing more")
  func over() {
    let host = TestRoom()
    let alice = host.member("alice")
    alice.send("{\"type\":\"bye\"}")
    _ = alice.take()
    alice.session.bid(.shutdown, in: host.room, at: host.moment)
    let deliveries = alice.session.receive(
      Array("{\"type\":\"ping\"}\n".utf8).span, in: host.room, at: host.moment)
    #expect(deliveries.isEmpty)
    alice.endStream()
    host.pass(seconds: 100)
    #expect(alice.take() == [])
    #expect(alice.session.deadline == nil)
  }
}

@Suite struct FoldingTests {
  @Test("more than ten in a second are folded into one notice and one count")
  func folds() {
    let host = TestRoom()
    let watcher = host.connect()
    watcher.auth("watcher")
    var members: [Peer] = []
    func come(_ name: String) {
      members.append(host.connect())
      members[members.count - 1].auth(name)
    }
    for number in 0..<40 { come("m\(number)") }
    members[0].send("{\"type\":\"bye\"}")
    members[1].send("{\"type\":\"bye\"}")
    host.pass(milliseconds: 999)
    let before = watcher.take().dropFirst(2)
    #expect(before.filter { $0.hasPrefix("join ") }.count == 10, "the watcher's own is one")
    #expect(before.filter { $0.hasPrefix("count ") }.count == 10)
    #expect(before.count == 20)
    host.pass(milliseconds: 1)
    let after = watcher.take()
    #expect(after.count == 2)
    #expect(after.first?.hasPrefix("notice 31 clints joined, 2 disconnected. #") == true)
    #expect(after.last == "count 39")
    // Then they are told one by one again.
    come("late")
    #expect(watcher.take().map { $0.prefix(6) } == ["join l", "count "])
  }

  @Test("totals and notices add up, whatever comes and goes")
  func addsUp() {
    var random = Seeded(32)
    let host = TestRoom()
    let watcher = host.connect()
    watcher.auth("watcher")
    var members: [Peer] = []
    for _ in 0..<150 {
      if members.isEmpty || Int.random(in: 0..<3, using: &random) > 0 {
        members.append(host.member())
      } else {
        let index = Int.random(in: 0..<members.count, using: &random)
        let member = members.remove(at: index)
        if Bool.random(using: &random) { member.drop() } else { member.send("{\"type\":\"bye\"}") }
      }
      host.pass(milliseconds: UInt64.random(in: 0...120, using: &random))
      watcher.session.outflow.post(PacketWriter.bare("pong"))
      watcher.send("{\"type\":\"pong\"}")
      for member in members { member.send("{\"type\":\"pong\"}") }
    }
    host.pass(seconds: 10)
    var here = 0
    var last = ""
    for line in lines(of: watcher) {
      guard case .success(let packet) = hostPacket(line) else { continue }
      switch packet {
      case .system(let system) where system.event == "join": here += 1
      case .system(let system) where system.event == "leave": here -= 1
      case .system(let system):
        guard case .text(let text) = system.body else { continue }
        let numbers = text.split { !$0.isNumber }.compactMap { Int($0) }
        if text.contains("joined") { here += numbers[0] }
        if text.contains("disconnected") { here -= numbers.last! }
      case .count(let total):
        last = "\(total)"
        #expect(here == total)
      default: break
      }
    }
    #expect(host.total == members.count + 1)
    #expect(last == "\(host.total)")
  }

  private func lines(of peer: Peer) -> [String] {
    peer.received.split(separator: 0x0A).map { Array($0).text }
  }

  @Test("a folded member speaks, resumes and owns its sid like any other")
  func foldedMember() {
    let host = TestRoom()
    for number in 0..<15 { _ = host.member("m\(number)") }
    let alice = host.member("alice")
    alice.say("a", n: 1)
    #expect(alice.take().last?.hasPrefix("alice: a #") == true)
    let other = host.member("other")
    other.say("b", n: 2)
    #expect(other.take().last == "error not_allowed n=2")
    let again = host.connect()
    again.auth("alice", ",\"token\":\"\(alice.token)\"")
    again.say("b", n: 2)
    #expect(again.take().last?.hasPrefix("alice: b #") == true)
  }
}

@Suite struct PauseTests {
  private func chats(_ count: Int) -> [UInt8] {
    Array((1...count).map { "{\"type\":\"chat\",\"text\":\"\($0)\"}\n" }.joined().utf8)
  }

  @Test("a sender over its rate is read slower, and loses nothing")
  func rate() {
    for chunk in [1, 7, 100_000] {
      let host = TestRoom(rate: 5)
      let alice = host.member("alice")
      let bytes = chats(50)
      var start = 0
      var said: [String] = []
      var milliseconds = 0
      while said.count < 50, milliseconds < 60_000 {
        while start < bytes.count, alice.session.wantsBytes {
          let end = min(bytes.count, start + chunk)
          alice.receive(Array(bytes[start..<end]))
          start = end
        }
        said += alice.take().filter { $0.hasPrefix("alice:") }
        if milliseconds == 0 { #expect(said.count >= 9 && said.count <= 10) }
        if said.count == 50 { break }
        host.pass(milliseconds: 100)
        milliseconds += 100
      }
      #expect(said.map { $0.split(separator: " ")[1] } == (1...50).map { "\($0)" })
      // Ten at once, and then five a second, however the packets were cut.
      #expect(milliseconds >= 7_800 && milliseconds <= 8_400, "\(chunk): \(milliseconds)")
      #expect(host.lastID == 51)
    }
  }

  @Test("an end of the stream behind what waits is not lost either")
  func rateAndEnd() {
    let host = TestRoom(rate: 1)
    let bob = host.member("bob")
    let text = host.textMember("0")
    host.settleReading()
    text.receive(Array("1\n2\n3\n4\nlast".utf8))
    text.endStream()
    #expect(!text.isOver)
    host.pass(seconds: 10)
    #expect(text.isOver)
    let said = bob.take().filter { $0.hasPrefix("clint1:") }.map { $0.split(separator: " ")[1] }
    #expect(said == ["1", "2", "3", "4", "last"])
  }

  @Test("one that asks for more than it takes is not read until it takes some")
  func full() {
    let host = TestRoom()
    let alice = host.member("alice")
    for _ in 0..<200 { _ = host.member(String(repeating: "😀", count: 24)) }
    host.settleReading()
    alice.isStuck = true
    var asked = 0
    while alice.session.wantsBytes, asked < 1_000 {
      alice.send("{\"type\":\"who\"}")
      asked += 1
    }
    #expect(asked < 100)
    #expect(alice.session.outflow.ownBytes < Limits.outbox + 131_072)
    #expect(alice.session.canResume(at: host.now) == false)
    alice.isStuck = false
    #expect(alice.take().filter { $0.hasPrefix("members") }.count == asked)
    #expect(alice.session.wantsBytes == true)
    // Many questions in one stretch of bytes: all are answered in the end.
    let answers = Array(String(repeating: "{\"type\":\"who\"}\n", count: 200).utf8)
    alice.isStuck = true
    alice.receive(answers)
    #expect(alice.session.wantsBytes == false)
    #expect(alice.session.outflow.ownBytes < Limits.outbox + 131_072)
    alice.isStuck = false
    #expect(alice.take().filter { $0.hasPrefix("members") }.count == 200)
  }
}

@Suite struct CutTests {
  /// One client's whole conversation.
  static let conversations = [
    "{\"type\":\"auth\",\"version\":2,\"name\":\"alice\"}\r\n\n{\"type\":\"chat\""
      + ",\"text\":\"h\\u00e9é\"}\n"
      + "{\"type\":\"nick\",\"name\":\"al\"}\n{bad}\n \n{\"type\":\"chat\""
      + ",\"text\":\"x\",\"to\":\"bob\","
      + "\"sid\":\"0123456789abcdef\""
      + ",\"n\":1}\n{\"type\":\"who\"}\n{\"type\":\"ping\"}\n{\"type\":\"bye\"}\nrest",
    "hello\r\n/nick Bob2\n//x\n/who\n/nope\n\n  \né\nlast without end",
    "{\"type\":\"auth\",\"name\":\"old\"}\n{\"type\":\"chat\",\"encrypted\":false"
      + ",\"text\":\"hi\"}\n{\"type\":\"auth\"}\n",
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "{\"type\":\"chat\",\"text\":\"early\"}\n{\"type\":\"auth\"}\n",
    "\u{16}\u{3}\u{1}x\n",
    "{\"type\":\"auth\",\"version\":2}\n{\"type\":\"chat\",\"text\":\"cut off\"",
  ]

  private func events(_ chunks: [ArraySlice<UInt8>]) -> [[String]] {
    let host = TestRoom()
    let bob = host.member("bob")
    let peer = host.connect()
    for chunk in chunks where !chunk.isEmpty && !peer.isOver { peer.receive(Array(chunk)) }
    peer.endStream()
    return [peer.takeLines(), bob.takeLines(), host.names, ["\(peer.session.end!)"]]
  }

  @Test("a client's conversation means the same wherever it is cut", arguments: conversations)
  func hostSession(_ text: String) {
    let bytes = Array(text.utf8)
    let whole = events([bytes[...]])
    for cut in 0...bytes.count { #expect(events([bytes[..<cut], bytes[cut...]]) == whole) }
    #expect(events(bytes.indices.map { bytes[$0...$0] }) == whole)
    var random = Seeded(3)
    for _ in 0..<30 {
      let cuts = (0..<4).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
      let ends = [0] + cuts + [bytes.count]
      #expect(events(zip(ends, ends.dropFirst()).map { bytes[$0..<$1] }) == whole)
    }
  }

  @Test("too much before admission is refused alike wherever it is cut")
  func tooMuch() {
    for count in [8_192, 8_193, 65_535, 65_536, 70_000] {
      for head in ["", "{", "{\"type\":\"x\"}\n"] {
        let bytes = Array(head.utf8) + [UInt8](repeating: 0x78, count: count) + [0x0A]
        let whole = events([bytes[...]])
        for cut in [1, 5, 8_191, 8_192, 8_193, bytes.count - 1] {
          #expect(events([bytes[..<cut], bytes[cut...]]) == whole, "\(count) \(head) \(cut)")
        }
      }
    }
  }
}
