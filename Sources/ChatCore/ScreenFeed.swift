/// What the host's own screen is still to show: one more cursor in the log, and lines of the host's
/// own between its packets.
///
/// A slow terminal or pipe never delays the room: when it is too far behind it goes on at the log's
/// end, and how many packets it did not show is counted.
package struct ScreenFeed: Sendable {
  package enum Item: Equatable, Sendable {
    /// Whole packets, as JSON lines.
    case packets([UInt8])
    /// A line of the host's own.
    case note(String)
    /// So many packets were not shown.
    case skipped(Int)
  }

  private var cursor: LogCursor
  private let publication: LogPublication
  private var notes: [(after: LogPosition, line: String)] = []
  private var packetsWaiting = 0
  private var packetsSkipped = 0
  private let maxLag: Int

  /// - Parameter maxLag: bytes it may be behind.
  package init(_ log: RoomLog, maxLag: Int = Limits.lag) {
    cursor = log.cursor
    publication = log.publication
    self.maxLag = maxLag
  }

  /// A packet was appended, and the log ends at `end` now.
  mutating func packetAppended(_ end: LogCursor) {
    packetsWaiting += 1
    if end.position - cursor.position > LogPosition(maxLag) { skip(to: end) }
  }

  /// Adds a line of the host's own at this place of the log.
  package mutating func note(_ line: String) {
    // A screen that takes nothing must not make notes pile up either.
    if notes.count >= 10_000 {
      packetsSkipped += 1
      return
    }
    notes.append((publication.end, line))
  }

  private mutating func skip(to end: LogCursor) {
    packetsSkipped += packetsWaiting + notes.count
    packetsWaiting = 0
    notes = []
    cursor = end
  }

  package var isEmpty: Bool {
    notes.isEmpty && packetsSkipped == 0 && cursor.position >= publication.end
  }

  /// Takes what comes next, some 64 KiB of packets at most at a time; nil if there is nothing.
  package mutating func next() -> Item? {
    if packetsSkipped > 0 {
      defer { packetsSkipped = 0 }
      return .skipped(packetsSkipped)
    }
    if let first = notes.first, first.after <= cursor.position {
      notes.removeFirst()
      return .note(first.line)
    }
    let limit = min(publication.end, notes.first?.after ?? .max)
    guard cursor.position < limit else { return nil }
    var bytes: [UInt8] = []
    cursor.read(to: limit, atMost: 64 << 10, into: &bytes)
    if bytes.last != UInt8(ascii: "\n"), let end = cursor.endOfLine(to: limit) {
      cursor.read(to: end, atMost: .max, into: &bytes)
    }
    packetsWaiting -= bytes.count { $0 == UInt8(ascii: "\n") }
    return .packets(bytes)
  }
}
