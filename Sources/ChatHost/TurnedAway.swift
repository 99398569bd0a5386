/// Connections that were turned away because too many wait for admission: told of once a second at most.
struct TurnedAway {
  /// Those that nobody has been told of.
  private(set) var count = 0
  private var toldAt: UInt64 = 0

  mutating func add() { count += 1 }

  /// When to ``take(at:)``, in nanoseconds of the monotonic clock; nil where there are none.
  var deadline: UInt64? { count > 0 ? toldAt + Self.interval : nil }

  /// How many are to be told of now; nil for none yet.
  mutating func take(at now: UInt64) -> Int? {
    guard let deadline, deadline <= now else { return nil }
    defer { count = 0 }
    toldAt = now
    return count
  }

  private static let interval: UInt64 = 1_000_000_000
}
