/// Decides which joins and leaves are announced one by one and which are folded into one notice
/// (PROTOCOL.md, section 5): announcing each of N arrivals to N members would be N² work.
struct Announcements: Sendable {
  private var windowStart: UInt64 = 0
  private var announced = 0
  private(set) var joins = 0
  private(set) var leaves = 0

  enum Kind { case join, leave }

  /// Whether one more may be announced by itself; if not, it has been folded.
  mutating func announce(_ kind: Kind, at now: UInt64) -> Bool {
    if deadline == nil, now >= windowStart + Self.window {
      windowStart = now
      announced = 0
    }
    if announced < Limits.announcementsPerSecond, deadline == nil {
      announced += 1
      return true
    }
    switch kind {
    case .join: joins += 1
    case .leave: leaves += 1
    }
    return false
  }

  /// Takes over what a host had folded when it was killed. It is due at once.
  mutating func takeOver(joins: Int, leaves: Int) {
    self.joins += joins
    self.leaves += leaves
  }

  /// When the notice is due; nil if nothing is folded.
  var deadline: UInt64? { joins + leaves > 0 ? windowStart + Self.window : nil }

  /// Takes what was folded, once it is due.
  mutating func takeFolded(at now: UInt64) -> (joins: Int, leaves: Int)? {
    guard let deadline, now >= deadline else { return nil }
    let folded = (joins, leaves)
    joins = 0
    leaves = 0
    windowStart = now
    announced = 0
    return folded
  }

  private static let window: UInt64 = 1_000_000_000
}
