import ChatCore
import Glibc
import Sockets
import Synchronization

/// Reads packets of long ago from a log file, on a thread of its own, for clients that were away.
final class LogHistory: Sendable {
  struct Request: Sendable {
    let connection: ConnectionID
    let packets: OlderPackets
  }

  private let log: LogFile
  private let requests = Mutex<[Request]>([])
  private let wakeup: Wakeup
  private let isToEnd = Atomic<Bool>(false)

  init(_ log: LogFile) throws(SystemError) {
    self.log = log
    wakeup = try Wakeup()
  }

  func ask(_ request: Request) {
    requests.withLock { $0.append(request) }
    wakeup.signal()
  }

  func end() {
    isToEnd.store(true, ordering: .releasing)
    wakeup.signal()
  }

  /// Answers requests until ``end()``.
  /// - Parameters:
  ///   - answer: is handed each answer.
  ///   - forget: is told of an id up to which there are holes in the log.
  func run(answer: (Delivery) -> Void, forget: (Int64) -> Void) {
    while true {
      do throws(SystemError) {
        _ = try wait(for: .reading, on: wakeup.number, timeout: nil)
      } catch {
        // The kernel has no memory for it just now.
        Clock.pause(100_000_000)
      }
      wakeup.clear()
      let asked = requests.withLock { requests in
        let taken = requests
        requests = []
        return taken
      }
      if isToEnd.load(ordering: .acquiring) { return }
      for request in asked {
        let content: Delivery.Content
        do throws(Missing) {
          let (bytes, rest) = try read(request.packets)
          content = .older(bytes, rest: rest)
        } catch {
          if let through = error.through { forget(through) }
          content = .olderIsMissing
        }
        answer(Delivery(connection: request.connection, content: content))
      }
    }
  }

  /// Packets up to this id are not there any more, or damaged; nil: they cannot be read just now.
  private struct Missing: Error { let through: Int64? }

  /// Reads the next of the packets, some ``Limits/olderPackets`` bytes, and says which are left.
  private func read(_ packets: OlderPackets) throws(Missing)
    -> (bytes: [UInt8], rest: OlderPackets?)
  {
    var stretch = OlderStretch(packets)
    while true {
      var nextAfter: Int64?
      do throws(SystemError) {
        guard let part = try log.openPart(after: stretch.lastID) else {
          throw SystemError("open", code: ENOENT)
        }
        nextAfter = part.nextAfter
        var offset: UInt64
        if let place = stretch.place, place.part == part.after {
          offset = place.offset
        } else {
          offset = try LogSearch.find(stretch.lastID, in: part.file)
        }
        var buffer = [UInt8](repeating: 0, count: LogSearch.bytesAtATime)
        while !stretch.isFull {
          let count = try part.file.read(into: &buffer, at: offset)
          guard count > 0 else { break }
          let taken: Int
          do throws(OlderStretch.Damage) {
            taken = try stretch.take(buffer.span.extracting(first: count))
          } catch {
            throw SystemError("read", code: EBADMSG)
          }
          // A line that is not whole yet comes after what is wanted, but in a finished part.
          guard taken > 0 else { break }
          offset += UInt64(taken)
        }
        stretch.place = OlderPackets.Place(part: part.after, offset: offset)
      } catch {
        let isGone = error.code == ENOENT || error.code == EBADMSG
        throw Missing(
          through: isGone ? log.endOfPart(after: stretch.lastID) ?? packets.through : nil)
      }
      if stretch.isComplete { return (stretch.bytes, nil) }
      if stretch.isFull { return (stretch.bytes, stretch.rest) }
      // The part has ended. Without another all that was recorded has been read.
      guard let nextAfter else { return (stretch.bytes, nil) }
      guard stretch.lastID >= nextAfter else { throw Missing(through: nextAfter) }
      stretch.place = nil
    }
  }
}

/// Finds packets in a part of a log by their ids, which only grow.
enum LogSearch {
  /// More than the longest line.
  static let bytesAtATime = 2 * Limits.hostLine

  /// Where a line begins before which no packet has an id above `id`; near to the first that has.
  static func find(_ id: Int64, in file: borrowing RecordFile) throws(SystemError) -> UInt64 {
    var low: UInt64 = 0
    var high = try file.size
    while high - low > UInt64(bytesAtATime) {
      let middle = low + (high - low) / 2
      if let found = try firstPacket(after: middle, before: high, in: file), found.id <= id {
        low = found.offset
      } else {
        high = middle
      }
    }
    return low
  }

  /// The first packet with an id in a line that begins behind `offset`.
  private static func firstPacket(
    after offset: UInt64, before end: UInt64, in file: borrowing RecordFile
  ) throws(SystemError) -> (id: Int64, offset: UInt64)? {
    var buffer = [UInt8](repeating: 0, count: bytesAtATime)
    var offset = offset
    var isInLine = true
    while offset < end {
      let count = try file.read(into: &buffer, at: offset)
      var start = 0
      let bytes = buffer.span.extracting(first: count)
      while let lineEnd = bytes.firstIndex(ofLineEndFrom: start) {
        if !isInLine, let id = OlderStretch.id(of: bytes.extracting(start..<lineEnd)) {
          return (id, offset + UInt64(start))
        }
        isInLine = false
        start = lineEnd + 1
      }
      guard start > 0 else { return nil }
      offset += UInt64(start)
    }
    return nil
  }
}
