import Foundation
import Testing

@testable import ChatCore

/// The segment a cursor stands in.
private func segment(of cursor: LogCursor) -> LogSegment {
  Mirror(reflecting: cursor).children.first { $0.label == "segment" }!.value as! LogSegment
}

private final class Weak {
  weak var segment: LogSegment?
  init(_ segment: LogSegment) { self.segment = segment }
}

@Suite struct RoomLogTests {
  static let capacity = LogSegment.capacity

  private func readAll(_ cursor: LogCursor, to end: LogPosition) -> [UInt8] {
    var cursor = cursor
    var bytes: [UInt8] = []
    cursor.read(to: end, atMost: .max, into: &bytes)
    #expect(cursor.position == end)
    return bytes
  }

  @Test("what was appended is read, over many segments and from every kind of place")
  func reads() {
    var random = Seeded(5)
    var log = RoomLog()
    var all: [UInt8] = []
    var cursors: [LogCursor] = [log.cursor]
    while all.count < 5 * Self.capacity + 10 {
      let packet = (0..<Int.random(in: 1...3_000, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      log.append(packet)
      all += packet
      cursors.append(log.cursor)
    }
    #expect(log.end == LogPosition(all.count))
    #expect(log.publication.end == log.end)
    for cursor in cursors {
      #expect(readAll(cursor, to: log.end) == Array(all[Int(cursor.position)...]))
    }
  }

  @Test(
    "cursors at a segment's border read on, whether they came there by reading or were made there")
  func borders() {
    for early in [-1, 0, 1] {
      var log = RoomLog()
      var reader = log.cursor
      let first = [UInt8](repeating: 1, count: Self.capacity + early)
      log.append(first)
      let made = log.cursor
      var bytes: [UInt8] = []
      reader.read(to: log.end, atMost: .max, into: &bytes)
      #expect(bytes == first)
      #expect(reader.position == made.position)
      log.append([2, 3, 4])
      #expect(readAll(reader, to: log.end) == [2, 3, 4])
      #expect(readAll(made, to: log.end) == [2, 3, 4])
      log.append([UInt8](repeating: 5, count: 2 * Self.capacity))
      #expect(readAll(made, to: log.end).count == 3 + 2 * Self.capacity)
    }
  }

  @Test("one packet may be longer than a segment")
  func longPacket() {
    var log = RoomLog()
    let start = log.cursor
    let packet = (0..<3 * Self.capacity + 7).map { UInt8(truncatingIfNeeded: $0 / 251) }
    log.append(packet)
    #expect(readAll(start, to: log.end) == packet)
    log.append([])
    #expect(log.end == LogPosition(packet.count))
  }

  @Test("a cursor moves on by any steps")
  func steps() {
    var log = RoomLog()
    let start = log.cursor
    let all = (0..<2 * Self.capacity + 100).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    log.append(all)
    var random = Seeded(6)
    for longest in [1_000, 70_000] {
      var cursor = start
      while cursor.position < log.end {
        let place = Int(cursor.position)
        var first: UInt8?
        cursor.forEachStretch(to: log.end) { stretch in
          first = stretch.first
          return false
        }
        #expect(first == all[place])
        cursor.advance(by: min(Int.random(in: 1...longest, using: &random), all.count - place))
      }
      #expect(cursor.position == log.end)
    }
  }

  @Test("finds the end of the line that stands at a cursor, over a border too")
  func endOfLine() {
    var log = RoomLog()
    let start = log.cursor
    log.append([UInt8](repeating: 0x78, count: Self.capacity + 5))
    #expect(start.endOfLine(to: log.end) == nil)
    log.append(Array("\nabc".utf8))
    #expect(start.endOfLine(to: log.end) == LogPosition(Self.capacity + 6))
    #expect(start.endOfLine(to: 10) == nil)
    var later = start
    later.advance(by: Self.capacity + 6)
    #expect(later.endOfLine(to: log.end) == nil)
  }

  @Test("a segment is released when the last cursor has left it")
  func released() {
    var log = RoomLog()
    var slow = log.cursor
    let held = Weak(segment(of: slow))
    var middle: [Weak] = []
    for _ in 0..<4 {
      log.append([UInt8](repeating: 0, count: Self.capacity))
      middle.append(Weak(segment(of: log.cursor)))
    }
    #expect(held.segment != nil)
    #expect(middle.allSatisfy { $0.segment != nil })
    slow.advance(by: 2 * Self.capacity + 1)
    #expect(held.segment == nil)
    #expect(middle[0].segment == nil || middle[1].segment == nil)
    #expect(middle[3].segment != nil)
    let second = slow
    slow.advance(by: 2 * Self.capacity - 1)
    #expect(second.position < slow.position)
    #expect(middle[3].segment != nil)
  }

  @Test("a room that everybody has left keeps one segment only")
  func tailOnly() {
    var log = RoomLog()
    var segments: [Weak] = []
    for _ in 0..<50 {
      log.append([UInt8](repeating: 0, count: Self.capacity / 2 + 1))
      segments.append(Weak(segment(of: log.cursor)))
    }
    let alive = Set(segments.compactMap { $0.segment.map(ObjectIdentifier.init) })
    #expect(alive.count == 1)
  }

  @Test("a long tail released at once does not overflow the stack")
  func deepChain() {
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
      var log = RoomLog()
      var cursor: LogCursor? = log.cursor
      let first = Weak(segment(of: cursor!))
      let bytes = [UInt8](repeating: 0, count: Self.capacity)
      for _ in 0..<2_000 { log.append(bytes) }
      #expect(first.segment != nil)
      cursor = nil
      #expect(first.segment == nil)
      _ = cursor
      done.signal()
    }
    // Two thousand frames of releases would not fit.
    thread.stackSize = 128 << 10
    thread.start()
    done.wait()
  }

  @Test("readers on other threads see whole packets in order while one writes")
  func threads() {
    let packets = 4_000
    var log = RoomLog()
    let start = log.cursor
    let publication = log.publication
    let readers = DispatchGroup()
    for reader in 0..<3 {
      readers.enter()
      let thread = Thread {
        var cursor = start
        var pending: [UInt8] = []
        var next = 0
        while next < packets {
          let end = publication.end
          if end == cursor.position {
            Thread.sleep(forTimeInterval: 0)
            continue
          }
          cursor.read(to: end, atMost: 1_000 * (reader + 1), into: &pending)
          while let line = pending.firstIndex(of: 0x0A) {
            let number = Int(
              pending[..<line].prefix { $0 != 0x20 }.reduce(0) { $0 * 10 + Int($1 - 48) })
            if number != next { Issue.record("\(number) instead of \(next)") }
            next += 1
            pending.removeFirst(line + 1)
          }
        }
        readers.leave()
      }
      thread.start()
    }
    for number in 0..<packets {
      log.append(Array("\(number) \(String(repeating: "x", count: number % 200))\n".utf8))
    }
    readers.wait()
  }

  @Test("a shared room is talked in by several threads, and each sees everything once, in order")
  func sharedRoom() {
    let host = TestRoom()
    let room = host.room
    let moment = host.moment
    let threads = DispatchGroup()
    for index in 0..<4 {
      threads.enter()
      Thread {
        var session = HostSession(
          id: ConnectionID(worker: UInt16(index), slot: 0, generation: 0), from: "x:\(index)",
          hello: PacketWriter.hello(room: TestRoom.id), rate: 0, at: moment)
        func receive(_ line: String) {
          _ = session.receive(Array((line + "\n").utf8).span, in: room, at: moment)
        }
        var bytes: [UInt8] = []
        func flush() {
          let before = bytes.count
          session.outflow.forEachStretch { stretch in
            bytes.append(contentsOf: stretch)
            return true
          }
          session.outflow.advance(by: bytes.count - before)
        }
        receive("{\"type\":\"auth\",\"version\":2,\"name\":\"t\(index)\",\"history\":100000}")
        for number in 1...100 {
          receive("{\"type\":\"chat\",\"text\":\"t\(index) \(number)\"}")
          if number % 7 == 0 { receive("{\"type\":\"nick\",\"name\":\"t\(index)-\(number)\"}") }
          flush()
        }
        receive("{\"type\":\"bye\"}")
        flush()
        var last: Int64 = 0
        for line in bytes.split(separator: 0x0A).dropFirst(2) {
          guard case .success(let packet) = hostPacket(Array(line).text) else {
            Issue.record("not a packet: \(Array(line).text)")
            continue
          }
          let id: Int64?
          switch packet {
          case .chat(let chat): id = chat.id
          case .system(let system): id = system.id
          default: id = nil
          }
          if let id {
            if id != last + 1 { Issue.record("\(id) after \(last)") }
            last = id
          }
        }
        threads.leave()
      }.start()
    }
    threads.wait()
    #expect(host.total == 0)
    // Joins, leaves, chats and names: none is lost.
    #expect(host.lastID == 4 + 4 + 4 * 100 + 4 * 14)
  }
}
