/// What the host's own screen is still to show: one more cursor in the log, and lines of the host's
/// own between its packets.
///
/// A slow terminal or pipe never delays the room: when it is too far behind it goes on at the log's
/// end, and how many lines it did not show is counted.
package struct ScreenFeed: Sendable {
  package enum Item: Equatable, Sendable {
    /// Whole lines of the log it reads: JSON packets, or the lines that people see.
    case lines([UInt8])
    /// A line of the host's own.
    case note(String)
    /// A packet of the host's own, with its line end, for a screen that shows packets.
    case event([UInt8])
    /// So many lines were not shown.
    case skipped(Int)
  }

  private var cursor: LogCursor
  private let publication: LogPublication
  private var notes: [(after: LogPosition, item: Item)] = []
  private var linesWaiting = 0
  private var linesSkipped = 0
  private let maxLag: Int

  /// - Parameter maxLag: bytes it may be behind.
  init(_ log: RoomLog, maxLag: Int = Limits.lag) {
    cursor = log.cursor
    publication = log.publication
    self.maxLag = maxLag
  }

  /// A line was appended, and the log ends at `end` now. Says whether the screen is too far behind.
  mutating func lineAppended(_ end: LogPosition) -> Bool {
    linesWaiting += 1
    return end - cursor.position > LogPosition(maxLag)
  }

  /// Goes on at the log's end.
  mutating func skip(to end: LogCursor) {
    linesSkipped += linesWaiting + notes.count
    linesWaiting = 0
    notes = []
    cursor = end
  }

  /// Adds a line of the host's own at this place of the log.
  package mutating func note(_ line: String) { put(.note(line)) }

  /// Adds a packet of the host's own at this place of the log.
  package mutating func note(event: [UInt8]) { put(.event(event)) }

  private mutating func put(_ item: Item) {
    // A screen that takes nothing must not make notes pile up either.
    guard notes.count < Limits.screenNotes else {
      linesSkipped += 1
      return
    }
    notes.append((publication.end, item))
  }

  /// Takes what comes next, some 64 KiB of lines at a time; nil if there is nothing.
  package mutating func next() -> Item? {
    if linesSkipped > 0 {
      defer { linesSkipped = 0 }
      return .skipped(linesSkipped)
    }
    if let first = notes.first, first.after <= cursor.position {
      notes.removeFirst()
      return first.item
    }
    let limit = min(publication.end, notes.first?.after ?? .max)
    guard cursor.position < limit else { return nil }
    var bytes: [UInt8] = []
    cursor.read(to: limit, atMost: 64 << 10, into: &bytes)
    if bytes.last != UInt8(ascii: "\n"), let end = cursor.endOfLine(to: limit) {
      cursor.read(to: end, atMost: .max, into: &bytes)
    }
    // Nearly always it catches up; lines are counted only where it does not.
    linesWaiting =
      cursor.position == publication.end
      ? 0 : linesWaiting - bytes.count { $0 == UInt8(ascii: "\n") }
    return .lines(bytes)
  }
}
