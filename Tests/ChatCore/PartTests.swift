import Testing

@testable import ChatCore

@Suite struct SenderTableTests {
  private func number(_ sid: Int, _ n: Int64) -> MessageNumber {
    let text = "\(sid)"
    let padded = String(repeating: "0", count: 16 - text.utf8.count) + text
    return MessageNumber(sid: SenderID(text: padded)!, n: n)
  }

  @Test("tells new from repeated and foreign numbers")
  func verdicts() {
    var table = SenderTable(limit: 10)
    #expect(table.verdict(number(1, 5), owner: 7) == .new)
    table.note(number(1, 5), owner: 7)
    #expect(table.verdict(number(1, 5), owner: 7) == .repeated)
    #expect(table.verdict(number(1, 4), owner: 7) == .repeated)
    #expect(table.verdict(number(1, 6), owner: 7) == .new)
    #expect(table.verdict(number(1, 6), owner: 8) == .foreign)
    #expect(table.verdict(number(1, 5), owner: 8) == .foreign)
  }

  @Test("forgets the one used longest ago, as a plain model does")
  func model() {
    for limit in [1, 2, 3, 16] {
      var random = Seeded(UInt64(limit))
      var table = SenderTable(limit: limit)
      var model: [(sid: Int, n: Int64)] = []
      for step in 1...2_000 {
        let sid = Int.random(in: 0..<limit * 2, using: &random)
        table.note(number(sid, Int64(step)), owner: 1)
        model.removeAll { $0.sid == sid }
        model.append((sid, Int64(step)))
        if model.count > limit { model.removeFirst() }
        let asked = Int.random(in: 0..<limit * 2, using: &random)
        let known = model.first { $0.sid == asked }
        let verdict = table.verdict(number(asked, Int64(step)), owner: 1)
        #expect(verdict == (known.map { $0.n >= step } == true ? .repeated : .new))
        #expect(table.verdict(number(asked, 1), owner: 2) == (known == nil ? .new : .foreign))
      }
    }
  }

  @Test("the protocol's 65,536 are kept, and one more drops the oldest")
  func limit() {
    var table = SenderTable()
    for sid in 0..<65_536 { table.note(number(sid, 9), owner: 1) }
    #expect(table.verdict(number(0, 1), owner: 1) == .repeated)
    table.note(number(0, 10), owner: 1)
    table.note(number(70_000, 1), owner: 1)
    #expect(table.verdict(number(1, 1), owner: 1) == .new)
    #expect(table.verdict(number(0, 10), owner: 1) == .repeated)
    #expect(table.verdict(number(65_535, 9), owner: 1) == .repeated)
  }
}

@Suite struct TokenBucketTests {
  private let second: UInt64 = 1_000_000_000

  @Test("twice the rate at once, then the rate")
  func rate() {
    for rate in [1, 3, 5, 1_000] {
      var bucket = TokenBucket(rate: rate)
      let now = 100 * second
      var taken = 0
      while bucket.take(at: now) { taken += 1 }
      #expect(taken == 2 * rate)
      let next = bucket.nextToken
      #expect(next > now)
      #expect(bucket.take(at: next - 1) == false)
      #expect(bucket.take(at: next) == true)
      #expect(bucket.take(at: next) == false)
      // A minute of taking whenever there is one.
      var count = 0
      var time = next
      while true {
        time = max(time, bucket.nextToken)
        if time > next + 60 * second { break }
        #expect(bucket.take(at: time) == true)
        count += 1
      }
      #expect(abs(count - 60 * rate) <= 1)
      // A long rest fills it, and no more than that.
      taken = 0
      while bucket.take(at: time + 1_000 * second) { taken += 1 }
      #expect(taken == 2 * rate)
    }
  }

  @Test("no rate, no bound")
  func unbounded() {
    var bucket = TokenBucket(rate: 0)
    for _ in 0..<10_000 { #expect(bucket.take(at: 5) == true) }
  }
}

@Suite struct AnnouncementsTests {
  private let second: UInt64 = 1_000_000_000

  @Test("ten in a second are told, the rest is counted until the second is over")
  func folds() {
    var announcements = Announcements()
    let start = 50 * second
    for number in 0..<10 {
      #expect(announcements.announce(.join, at: start + UInt64(number)) == true)
    }
    #expect(announcements.deadline == nil)
    #expect(announcements.announce(.join, at: start + 20) == false)
    #expect(announcements.announce(.leave, at: start + second / 2) == false)
    #expect(announcements.deadline == start + second)
    #expect(announcements.takeFolded(at: start + second - 1) == nil)
    // Even late, what comes before the notice is part of it: the order stays.
    #expect(announcements.announce(.leave, at: start + 2 * second) == false)
    let folded = announcements.takeFolded(at: start + 2 * second)
    #expect(folded?.joins == 1 && folded?.leaves == 2)
    #expect(announcements.deadline == nil)
    #expect(announcements.takeFolded(at: start + 9 * second) == nil)
    #expect(announcements.announce(.join, at: start + 2 * second + 1) == true)
  }

  @Test("ten a second for ever are never folded")
  func steady() {
    var announcements = Announcements()
    for number in 0..<200 {
      #expect(announcements.announce(.join, at: 10 * second + UInt64(number) * second / 10) == true)
    }
  }
}

@Suite struct KeptPacketsTests {
  /// Where the packet begins that comes next.
  private func begin(kept: inout KeptPackets, _ log: RoomLog) -> LogPosition {
    if kept.isEmpty { kept.begin(at: log.cursor) }
    return log.end
  }

  @Test("keeps so many packets, and finds places by number")
  func count() {
    var log = RoomLog()
    var kept = KeptPackets(limit: 5)
    #expect(kept.cursor(last: 3) == nil)
    #expect(kept.cursor(after: 0) == nil)
    var places: [Int64: LogPosition] = [:]
    for number in 1...1_000 {
      // Ids may have holes, where joins were folded.
      let id = Int64(number * 2)
      let place = begin(kept: &kept, log)
      places[id] = place
      log.append([1, 2, 3])
      kept.append(id, at: place, end: log.end)
      #expect(kept.count == min(5, number))
      #expect(kept.droppedID == Int64(max(0, number - 5) * 2))
    }
    #expect(kept.cursor(last: 1)?.position == places[2_000])
    #expect(kept.cursor(last: 5)?.position == places[1_992])
    #expect(kept.cursor(last: .max)?.position == places[1_992])
    #expect(kept.cursor(after: 1_996)?.position == places[1_998])
    #expect(kept.cursor(after: 1_997)?.position == places[1_998])
    #expect(kept.cursor(after: 1_999)?.position == places[2_000])
    #expect(kept.cursor(after: 2_000) == nil)
  }

  @Test("keeps no more than so many bytes")
  func bytes() {
    var log = RoomLog()
    var kept = KeptPackets(limit: 1_000)
    let packet = [UInt8](repeating: 0, count: 100_000)
    for id in 1...100 {
      let place = begin(kept: &kept, log)
      log.append(packet)
      kept.append(Int64(id), at: place, end: log.end)
      if let first = kept.cursor(last: .max) {
        #expect(log.end - first.position <= LogPosition(Limits.historyBytes))
      }
    }
    #expect(kept.count == Limits.historyBytes / 100_000)
    #expect(kept.droppedID == Int64(100 - kept.count))
  }

  @Test("keeps nothing when it is to keep nothing")
  func nothing() {
    var log = RoomLog()
    var kept = KeptPackets(limit: 0)
    for id in 1...200 {
      let place = begin(kept: &kept, log)
      log.append([1])
      kept.append(Int64(id), at: place, end: log.end)
      #expect(kept.count == 0)
      #expect(kept.cursor(last: 10) == nil)
      #expect(kept.droppedID == Int64(id))
    }
  }
}

@Suite struct ScreenFeedTests {
  private func items(_ feed: inout ScreenFeed) -> [ScreenFeed.Item] {
    var items: [ScreenFeed.Item] = []
    while let item = feed.next() { items.append(item) }
    return items
  }

  @Test("notes stand where they were made, between packets")
  func order() {
    var log = RoomLog()
    var feed = ScreenFeed(log)
    #expect(feed.isEmpty)
    func append(_ text: String) {
      log.append(Array(text.utf8))
      if feed.lineAppended(log.end) { feed.skip(to: log.cursor) }
    }
    feed.note("first")
    append("a\n")
    append("b\n")
    feed.note("second")
    feed.note("third")
    append("c\n")
    #expect(!feed.isEmpty)
    #expect(
      items(&feed) == [
        .note("first"), .lines(Array("a\nb\n".utf8)), .note("second"), .note("third"),
        .lines(Array("c\n".utf8)),
      ])
    #expect(feed.isEmpty)
  }

  @Test("packets come whole, some 64 KiB at a time")
  func whole() {
    var log = RoomLog()
    var feed = ScreenFeed(log)
    var all: [UInt8] = []
    for number in 0..<500 {
      let packet = [UInt8](repeating: 0x78, count: number * 7 % 1_500) + [0x0A]
      log.append(packet)
      if feed.lineAppended(log.end) { feed.skip(to: log.cursor) }
      all += packet
    }
    var shown: [UInt8] = []
    for item in items(&feed) {
      guard case .lines(let bytes) = item else {
        Issue.record("\(item)")
        continue
      }
      #expect(bytes.last == 0x0A)
      #expect(bytes.count < 70_000)
      shown += bytes
    }
    #expect(shown == all)
  }

  @Test("one that is too far behind goes on at the end, and says how much it did not show")
  func skips() {
    var log = RoomLog()
    var feed = ScreenFeed(log, maxLag: 100)
    let packet = [UInt8](repeating: 0x78, count: 29) + [0x0A]
    var shown = 0
    var skipped = 0
    var random = Seeded(9)
    for number in 1...1_000 {
      log.append(packet)
      if feed.lineAppended(log.end) { feed.skip(to: log.cursor) }
      if Int.random(in: 0..<4, using: &random) == 0 {
        for item in items(&feed) {
          switch item {
          case .lines(let bytes): shown += bytes.count / 30
          case .skipped(let count): skipped += count
          case .note, .event: break
          }
        }
        #expect(shown + skipped == number)
      }
    }
    #expect(skipped > 0)
    feed.note("x")
    for _ in 0..<4 {
      log.append(packet)
      if feed.lineAppended(log.end) { feed.skip(to: log.cursor) }
    }
    if case .skipped(let count) = feed.next() {
      #expect(count >= 5)
    } else {
      Issue.record("no skip")
    }
  }

  @Test("notes do not pile up without bound")
  func notes() {
    let log = RoomLog()
    var feed = ScreenFeed(log)
    for number in 0..<10_005 { feed.note("\(number)") }
    let all = items(&feed)
    #expect(all.count == 10_001)
    #expect(all.first == .skipped(5))
  }
}

@Suite struct DisplayTextTests {
  private func isRaw(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0...0x1F, 0x7F...0x9F, 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF,
      0xFFF9...0xFFFB, 0xE0000...0xE007F:
      true
    default: false
    }
  }

  @Test("nothing that steers a terminal is left in a line, a paragraph or JSON")
  func vectors() throws {
    for vector in try ChatCoreTests.vectors("terminal") {
      let text = vector["text"] as! String
      let name = vector["name"] as! String
      #expect(!DisplayText.line(text).unicodeScalars.contains(where: isRaw), "\(name)")
      let paragraph = DisplayText.paragraph(text)
      #expect(!paragraph.unicodeScalars.contains { $0 != "\n" && isRaw($0) }, "\(name)")
      for line in paragraph.split(separator: "\n", omittingEmptySubsequences: false).dropFirst() {
        #expect(line.hasPrefix("    "), "\(name)")
      }
      let json = Array("{\"type\":\t\"chat\",\"from\":\"a\",\"text\":\"\(escaped(text))\"}".utf8)
      let inert = DisplayText.escapedJSON(json.span)
      #expect(!inert.text.unicodeScalars.contains(where: isRaw), "\(name)")
      guard case .success(.chat(let chat)) = hostPacket(inert.text),
        case .success(.chat(let original)) = hostPacket(json.text)
      else {
        Issue.record("\(name): \(inert.text)")
        continue
      }
      #expect(chat == original)
      if case .text(let shown) = chat.body { #expect(Array(shown.utf8) == Array(text.utf8)) }
    }
  }

  @Test("every scalar that acts is made visible, all others stay")
  func scalars() {
    for value in (UInt32(0)...0x3000).map({ $0 }) + [
      0xFEFF, 0xFFF9, 0xFFFB, 0xE0001, 0xE007F, 0x1F600,
    ] {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let shown = DisplayText.line("a\(scalar)b")
      #expect(!shown.unicodeScalars.contains(where: isRaw))
      if !isRaw(scalar), value != 0x180E { #expect(Array(shown.utf8) == Array("a\(scalar)b".utf8)) }
    }
  }

  @Test("shows them as people know them")
  func shapes() {
    #expect(DisplayText.line("\u{1B}[2J\n\t\u{7F}") == "␛[2J␊␉␡")
    #expect(DisplayText.line("a\u{202E}b\u{85}\u{E0041}") == "a‹U+202E›b‹U+0085›‹U+E0041›")
    #expect(DisplayText.paragraph("a\nb\r\nc") == "a\n    b␍\n    c")
    #expect(DisplayText.line("plain é中😀") == "plain é中😀")
  }

  @Test("packets' lines keep their ends")
  func lines() {
    let bytes = Array("{\"a\":\"\u{9B}\"}\r\n{\"b\":\"\u{E0041}\"}\n".utf8)
    #expect(
      DisplayText.escapedJSON(bytes.span).text
        == "{\"a\":\"\\u009b\"} \n{\"b\":\"\\udb40\\udc41\"}\n")
  }
}

@Suite struct TranscriptTests {
  @Test("lines are word for word those that people know")
  func words() {
    #expect(Transcript.connection(from: "127.0.0.1:49207") == "Connection from 127.0.0.1:49207")
    #expect(
      Transcript.joined("clint1", from: "127.0.0.1:49207") == "clint1 joined from 127.0.0.1:49207")
    #expect(Transcript.count(1) == "+ Total connected clints: [1]")
    #expect(Transcript.chat(from: "clint1", "hello everyone") == "clint1: hello everyone")
    #expect(Transcript.left("clint1") == "clint1 disconnected.")
    #expect(Transcript.folded(joins: 37, leaves: 2) == "37 clints joined, 2 disconnected.")
    #expect(Transcript.folded(joins: 1, leaves: 0) == "1 clint joined.")
    #expect(Transcript.folded(joins: 0, leaves: 3) == "3 clints disconnected.")
  }

  @Test("a room's talk is shown as people know it")
  func conversation() {
    let host = TestRoom()
    let watcher = host.member("w")
    let text = host.connect(from: "127.0.0.1:49207")
    text.send("hello everyone")
    text.send("/quit")
    let shown = watcher.takeLines().compactMap { line -> String? in
      guard case .success(let packet) = hostPacket(line) else { return nil }
      return Transcript.line(for: packet)
    }
    #expect(
      shown == [
        "clint1 joined from 127.0.0.1:49207", "+ Total connected clints: [2]",
        "clint1: hello everyone", "clint1 disconnected.", "+ Total connected clints: [1]",
      ])
  }

  @Test("no text passes for another line")
  func forged() {
    #expect(Transcript.chat(from: "a", "x\nclint1: y") == "a: x\n    clint1: y")
    #expect(Transcript.chat(from: "a\n", to: "b\u{1B}", "x") == "[a␊ -> b␛] x")
    #expect(Transcript.system("a\nb") == "a␊b")
    #expect(Transcript.error("a\u{202E}") == "! a‹U+202E›")
    #expect(Transcript.bye("x\n") == "Connection closed by remote host: x␊")
    #expect(Transcript.members(["a", "b\n"], total: 2) == "Members [2]: a, b␊")
    #expect(Transcript.members(["a"], total: 5) == "Members [5]: a and 4 more")
    #expect(Transcript.line(for: .ack(n: 1)) == nil)
    #expect(Transcript.line(for: .ping) == nil)
  }
}
