/// The packets of a log that are kept for those who join or come again: by number and by bytes.
struct KeptPackets: Sendable {
  /// Where a packet begins. A number alone: a cursor each would count references for each packet.
  private struct Mark: Sendable {
    let id: Int64
    let position: LogPosition
  }

  private var marks: [Mark] = []
  private var first = 0
  /// At the oldest packet that is kept: it keeps the log from there on alive.
  private var oldest: LogCursor?
  private let limit: Int
  private let bytes: Int
  /// The newest id that is kept no more.
  private(set) var droppedID: Int64

  /// - Parameters:
  ///   - limit: packets to keep; their bytes are bounded in proportion.
  ///   - droppedID: the id before the first packet that may come.
  init(limit: Int, droppedID: Int64 = 0) {
    self.limit = limit
    self.droppedID = droppedID
    bytes = Limits.historyBytes * max(1, limit / Limits.history)
  }

  var count: Int { marks.count - first }

  /// Whether nothing is kept; before the next packet goes into the log it is to ``begin(at:)``.
  var isEmpty: Bool { oldest == nil }

  /// Notes where the first packet to be kept will be.
  mutating func begin(at cursor: LogCursor) { oldest = cursor }

  /// Notes that the packet `id` begins at `position`, behind all that are kept, and that the log ends
  /// at `end`.
  mutating func append(_ id: Int64, at position: LogPosition, end: LogPosition) {
    marks.append(Mark(id: id, position: position))
    let before = first
    while count > limit
      || (first < marks.count && end - marks[first].position > LogPosition(bytes))
    {
      droppedID = marks[first].id
      first += 1
    }
    if first != before {
      if first < marks.count {
        oldest?.advance(by: Int(marks[first].position - marks[before].position))
      } else {
        oldest = nil
      }
    }
    // Amortised: half of the array is moved once that many marks have gone.
    if first > 64, first > marks.count / 2 {
      marks.removeFirst(first)
      first = 0
    }
  }

  /// Where the last `count` packets begin; nil if there are none.
  func cursor(last count: Int) -> LogCursor? {
    let index = max(first, marks.count - min(count, marks.count))
    return index < marks.count ? cursor(at: index) : nil
  }

  /// Where the first packet after `id` begins; nil if there is none.
  func cursor(after id: Int64) -> LogCursor? {
    var low = first
    var high = marks.count
    while low < high {
      let middle = (low + high) / 2
      if marks[middle].id <= id { low = middle + 1 } else { high = middle }
    }
    return low < marks.count ? cursor(at: low) : nil
  }

  private func cursor(at index: Int) -> LogCursor? {
    var cursor = oldest
    cursor?.advance(by: Int(marks[index].position - (oldest?.position ?? 0)))
    return cursor
  }
}
