/// How often a client may send: so many packets a second on average, twice as many at once.
///
/// Kept as the one moment at which the bucket will be full again (the generic cell rate algorithm),
/// so a quiet client costs no timer.
package struct TokenBucket: Sendable {
  private let interval: UInt64
  private let burst: UInt64
  private var fullAt: UInt64 = 0

  /// - Parameter rate: tokens a second; 0 for no bound.
  package init(rate: Int) {
    interval = rate > 0 ? 1_000_000_000 / UInt64(rate) : 0
    burst = interval * UInt64(2 * max(1, rate))
  }

  /// Takes a token, if there is one.
  package mutating func take(at now: UInt64) -> Bool {
    if interval == 0 { return true }
    let base = max(fullAt, now)
    guard base + interval <= now + burst else { return false }
    fullAt = base + interval
    return true
  }

  /// Puts back the token that was taken last.
  package mutating func giveBack() { fullAt -= min(fullAt, interval) }

  /// When there will be a token, in nanoseconds of the monotonic clock.
  package var nextToken: UInt64 {
    let need = fullAt + interval
    return need > burst ? need - burst : 0
  }
}
