/// The last `n` of each `sid`, so that no message is relayed twice (PROTOCOL.md, section 7).
///
/// Bounded: of more than the limit, the one that was used longest ago is forgotten.
struct SenderTable: Sendable {
  private struct Entry: Sendable {
    let sid: SenderID
    let owner: Int64
    var n: Int64
    var newer: Int32 = -1
    var older: Int32 = -1
  }

  private var indices: [SenderID: Int32] = [:]
  private var entries: [Entry] = []
  private var newest: Int32 = -1
  private var oldest: Int32 = -1
  private let limit: Int

  init(limit: Int = Limits.sendersRemembered) { self.limit = limit }

  enum Verdict: Equatable {
    /// Not seen before: relay it.
    case new
    /// Relayed already.
    case repeated
    /// The `sid` belongs to another member.
    case foreign
  }

  /// Says what a message number is, without noting it.
  func verdict(_ number: MessageNumber, owner: Int64) -> Verdict {
    guard let index = indices[number.sid] else { return .new }
    let entry = entries[Int(index)]
    if entry.owner != owner { return .foreign }
    return number.n > entry.n ? .new : .repeated
  }

  /// Notes a message number as relayed.
  mutating func note(_ number: MessageNumber, owner: Int64) {
    if let index = indices[number.sid] {
      entries[Int(index)].n = number.n
      unlink(index)
      link(index)
      return
    }
    let entry = Entry(sid: number.sid, owner: owner, n: number.n)
    var index = Int32(entries.count)
    if entries.count < limit {
      entries.append(entry)
    } else {
      index = oldest
      indices[entries[Int(index)].sid] = nil
      unlink(index)
      entries[Int(index)] = entry
    }
    indices[number.sid] = index
    link(index)
  }

  /// All of them, the one that was used longest ago first.
  var all: [(number: MessageNumber, owner: Int64)] {
    var all: [(number: MessageNumber, owner: Int64)] = []
    all.reserveCapacity(entries.count)
    var index = oldest
    while index >= 0 {
      let entry = entries[Int(index)]
      all.append((MessageNumber(sid: entry.sid, n: entry.n), entry.owner))
      index = entry.newer
    }
    return all
  }

  private mutating func link(_ index: Int32) {
    entries[Int(index)].older = newest
    entries[Int(index)].newer = -1
    if newest >= 0 { entries[Int(newest)].newer = index }
    newest = index
    if oldest < 0 { oldest = index }
  }

  private mutating func unlink(_ index: Int32) {
    let entry = entries[Int(index)]
    if entry.newer >= 0 {
      entries[Int(entry.newer)].older = entry.older
    } else {
      newest = entry.older
    }
    if entry.older >= 0 {
      entries[Int(entry.older)].newer = entry.newer
    } else {
      oldest = entry.newer
    }
  }
}
