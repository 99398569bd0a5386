import Testing

@testable import ChatCore

@Suite struct OutflowTests {
  /// An outflow, a log and what has been sent.
  private struct Stream {
    var log = RoomLog()
    var outflow: Outflow
    var sent: [UInt8] = []

    init(follows: Bool = true, _ views: LogViews? = nil) {
      outflow = Outflow(views)
      if follows { outflow.follow(log.cursor, of: log.publication) }
    }

    var waiting: [UInt8] {
      var bytes: [UInt8] = []
      outflow.forEachStretch { stretch in
        bytes.append(contentsOf: stretch)
        return true
      }
      return bytes
    }

    mutating func send(_ count: Int) {
      var bytes: [UInt8] = []
      outflow.forEachStretch { stretch in
        bytes.append(contentsOf: stretch.prefix(count - bytes.count))
        return bytes.count < count
      }
      sent += bytes
      outflow.advance(by: bytes.count)
    }

    mutating func drain(step: Int = .max) {
      while !outflow.isEmpty {
        let before = sent.count
        send(step)
        if sent.count == before {
          Issue.record("not empty, and nothing to send")
          return
        }
      }
      #expect(waiting.isEmpty)
      #expect(outflow.lag == 0)
      #expect(outflow.ownBytes == 0)
    }

    /// As ``HostSession`` sends a renamed member its own copy.
    mutating func replace(_ packet: String, by own: String) {
      let place = log.end
      log.append(Array(packet.utf8))
      outflow.post(Array(own.utf8), after: place, replacing: Int(log.end - place))
    }

    mutating func append(_ packet: String) { log.append(Array(packet.utf8)) }
    mutating func post(_ packet: String) { outflow.post(Array(packet.utf8)) }
  }

  private func example() -> Stream {
    var stream = Stream()
    stream.append("one\n")
    stream.post("own a\n")
    stream.append("two\n")
    stream.append("three\n")
    stream.post("own b\n")
    stream.post("own c\n")
    stream.replace("public rename\n", by: "own rename\n")
    stream.post("own d\n")
    stream.append("four\n")
    return stream
  }

  static let order =
    "one\nown a\ntwo\nthree\nown b\nown c\nown rename\nown d\nfour\n"

  @Test("packets of its own come between those of the log, where they were posted")
  func order() {
    for step in [1, 2, 3, 5, 7, 1_000] {
      var stream = example()
      stream.drain(step: step)
      #expect(stream.sent.text == Self.order)
    }
  }

  @Test("any two steps of sending give the same bytes")
  func splits() {
    for first in 0...Self.order.utf8.count {
      for second in stride(from: 0, through: Self.order.utf8.count - first, by: 3) {
        var stream = example()
        stream.send(first)
        #expect(stream.outflow.lag == stream.waiting.count || stream.waiting.isEmpty == false)
        stream.send(second)
        stream.drain()
        #expect(stream.sent.text == Self.order)
      }
    }
  }

  @Test("random talk and random steps keep order and split nothing")
  func random() {
    for seed in 0..<60 {
      var random = Seeded(UInt64(seed))
      var stream = Stream()
      var expected = ""
      for number in 0..<300 {
        let length = Int.random(in: 0...(seed % 3 == 0 ? 1_500 : 20), using: &random)
        let packet = "\(number) \(String(repeating: "x", count: length))\n"
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1:
          stream.append(packet)
          expected += packet
        case 2:
          stream.post(packet)
          expected += packet
        case 3:
          stream.replace("public " + packet, by: packet)
          expected += packet
        default:
          let longest = seed % 2 == 0 ? 5 : 4_000
          stream.send(Int.random(in: 0...longest, using: &random))
        }
      }
      stream.drain(step: seed % 5 == 0 ? 1 : 999)
      #expect(stream.sent.text == expected)
    }
  }

  @Test("a packet for an earlier place is posted there, or as soon as it can be")
  func earlier() {
    for count in 0...12 {
      var stream = Stream()
      stream.append("one\n")
      let place = stream.log.end
      stream.append("two\n")
      stream.append("three\n")
      stream.send(count)
      stream.outflow.post(Array("own\n".utf8), after: place)
      stream.drain(step: 1)
      let lines = stream.sent.split(separator: 0x0A).map { Array($0).text }
      if count <= 4 {
        #expect(lines == ["one", "own", "two", "three"])
      } else {
        // Its place was passed: it must not split what is being sent.
        #expect(lines.sorted() == ["one", "own", "three", "two"], "\(count): \(lines)")
        #expect(lines.filter { $0 != "own" } == ["one", "two", "three"])
      }
    }
  }

  @Test("before it follows a log it sends what is its own")
  func noLog() {
    var stream = Stream(follows: false)
    #expect(stream.outflow.isEmpty)
    stream.post("hello\n")
    stream.append("old\n")
    #expect(stream.outflow.lag == 6)
    stream.send(3)
    stream.outflow.follow(stream.log.cursor, of: stream.log.publication)
    stream.post("result\n")
    stream.append("new\n")
    stream.drain(step: 1)
    #expect(stream.sent.text == "hello\nresult\nnew\n")
  }

  @Test("it follows another place or log in mid-packet without splitting any")
  func follow() {
    for isOther in [false, true] {
      for count in 0...Self.order.utf8.count {
        var stream = example()
        stream.send(count)
        var other = RoomLog()
        other.append(Array("skipped\n".utf8))
        if isOther {
          stream.outflow.follow(other.cursor, of: other.publication)
        } else {
          stream.outflow.follow(stream.log.cursor, of: stream.log.publication)
        }
        stream.post("result\n")
        if isOther { other.append(Array("new\n".utf8)) } else { stream.append("new\n") }
        let own = stream.outflow.ownBytes
        stream.drain(step: 1)
        #expect(own > 0)
        let sent = stream.sent.text
        #expect(sent.hasSuffix("result\nnew\n"))
        let lines = sent.split(separator: "\n").map(String.init)
        let known = Self.order.split(separator: "\n").map(String.init)
        // Whole packets in their order, and each of its own.
        #expect(lines.dropLast(2).allSatisfy(known.contains), "\(count): \(lines)")
        #expect(lines.filter { $0.hasPrefix("own") } == known.filter { $0.hasPrefix("own") })
        #expect(Array(stream.sent.prefix(count)).text == Self.order.prefix(count))
        let places = lines.dropLast(2).compactMap(known.firstIndex)
        #expect(places == places.sorted(), "\(count): \(lines)")
      }
    }
  }

  @Test("it follows another log after all that is in the present one")
  func followAfter() {
    for count in 0...Self.order.utf8.count {
      var stream = example()
      stream.send(count)
      var other = RoomLog()
      let cursor = other.cursor
      let publication = other.publication
      stream.outflow.follow(cursor, of: publication, after: stream.log.end)
      stream.append("not seen any more\n")
      stream.post("own e\n")
      other.append(Array("new\n".utf8))
      stream.drain(step: 1)
      #expect(stream.sent.text == Self.order + "own e\nnew\n", "\(count)")
    }
  }

  @Test("a closed stream ends behind what there was, and takes nothing more")
  func close() {
    for count in 0...Self.order.utf8.count {
      var stream = example()
      stream.send(count)
      stream.outflow.close()
      stream.append("later\n")
      stream.post("own later\n")
      stream.drain(step: 1)
      #expect(stream.sent.text == Self.order)
    }
  }

  @Test("nothing comes behind a last word, whatever is said before the stream knows of its end")
  func lastWord() {
    for count in 0...Self.order.utf8.count {
      var stream = example()
      stream.send(count)
      stream.outflow.close(with: Array("bye\n".utf8))
      stream.append("from another worker\n")
      stream.outflow.close()
      stream.append("later\n")
      stream.post("own later\n")
      stream.drain(step: 1)
      #expect(stream.sent.text == Self.order + "bye\n", "\(count)")
      #expect(stream.outflow.isEmpty)
    }
  }

  @Test("a cut stream ends with the packet that is going out, and a last word")
  func cut() {
    for count in 0...Self.order.utf8.count {
      var stream = example()
      stream.send(count)
      stream.outflow.cut(with: Array("bye\n".utf8))
      stream.append("later\n")
      stream.post("own later\n")
      stream.drain(step: 1)
      let sent = stream.sent.text
      #expect(sent.hasSuffix("bye\n"))
      let rest = String(sent.dropLast(4))
      #expect(Self.order.hasPrefix(rest), "\(count): \(rest)")
      #expect(rest.isEmpty || rest.hasSuffix("\n"))
      #expect(rest.utf8.count >= count)
      // No more than what has begun, and own packets that wait together.
      #expect(rest.utf8.count - count <= 12)
    }
  }

  @Test("one that is gone waits for nothing")
  func abandoned() {
    var stream = example()
    stream.outflow.abandon()
    stream.outflow.openGap(at: 5)
    stream.post("own\n")
    #expect(stream.outflow.isEmpty && !stream.outflow.wantsFill)
  }

  @Test("a place in a log that is not read any more is the end of the present one")
  func placeElsewhere() {
    var stream = example()
    stream.outflow.post(Array("late\n".utf8), after: 1 << 40)
    stream.append("more\n")
    stream.drain(step: 1)
    #expect(stream.sent.text == Self.order + "late\nmore\n")
    #expect(stream.outflow.isEmpty)
  }

  @Test("the lag is what waits, in the log and of its own")
  func lag() {
    var stream = Stream()
    stream.append("12345\n")
    stream.post("678\n")
    #expect(stream.outflow.lag == 10)
    #expect(stream.outflow.ownBytes == 4)
    stream.send(8)
    #expect(stream.outflow.lag == 2)
    #expect(stream.outflow.ownBytes == 2)
    stream.drain()
  }

  @Test(
    "what others hand over comes in its place, in whatever order it comes, and nothing overtakes it"
  )
  func handedOver() {
    let views = LogViews()
    var stream = Stream(views)
    var places: [LogPosition] = []
    for line in ["a\n", "b\n", "c\n"] {
      stream.append(line)
      places.append(stream.log.end)
    }
    // Nothing is read before it is known what was handed over.
    #expect(!stream.outflow.canSend)
    #expect(views.refresh())
    stream.append("d\n")
    stream.post("own\n")
    for (line, place) in [("2\n", 1), ("1\n", 0), ("also 2\n", 1)] {
      stream.outflow.post(Array(line.utf8), after: places[place])
    }
    stream.send(1_000)
    #expect(stream.sent.text == "a\n1\nb\n2\nalso 2\nc\n")
    #expect(views.refresh() && !views.refresh())
    stream.drain()
    #expect(stream.sent.text.hasSuffix("c\nd\nown\n"))
  }

  @Test("a gap comes before what was handed over and belongs behind it")
  func handedOverBehindGap() {
    var stream = Stream()
    let place = stream.log.end
    stream.append("said\n")
    stream.post("private\n")
    stream.outflow.post(Array("result\n".utf8), after: place)
    stream.outflow.openGap(at: place)
    stream.send(1_000)
    #expect(stream.sent.text == "result\n")
    #expect(stream.outflow.wantsFill)
    stream.outflow.fill(Array("missed\n".utf8), isLast: true)
    stream.drain()
    #expect(stream.sent.text == "result\nmissed\nsaid\nprivate\n")
  }
}
