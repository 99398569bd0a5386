/// When a client that lost its connection tries to have it again.
///
/// The waits double from try to try. A connection that lasted no longer than was waited for it counts
/// as one more failure, so a host that lets in and cuts off is not stormed.
package struct Reconnection: Sendable {
  /// All in nanoseconds.
  package struct Settings: Sendable {
    package var firstWait: UInt64 = 1_000_000_000
    package var longestWait: UInt64 = 30_000_000_000
    /// How long to try at all; nil for ever.
    package var patience: UInt64?

    package init() {}
  }

  package let settings: Settings
  /// Before jitter.
  private var wait: UInt64 = 0
  private var joined: UInt64?
  /// When the connection was lost that is not had again yet.
  private var lost: UInt64?

  package init(_ settings: Settings) { self.settings = settings }

  /// The room has been joined.
  package mutating func succeeded(at now: UInt64) {
    joined = now
    lost = nil
  }

  /// The connection is lost, or could not be had.
  /// - Parameters:
  ///   - isSlow: whether the host closed on purpose, and is left in peace for long.
  ///   - random: any number.
  /// - Returns: when to try next; nil to give up.
  package mutating func nextTry(after now: UInt64, isSlow: Bool, random: UInt64) -> UInt64? {
    if let joined, now - joined > wait { wait = 0 }
    joined = nil
    let begin = lost ?? now
    lost = begin
    wait =
      isSlow
      ? settings.longestWait
      : min(max(wait * 2, settings.firstWait), settings.longestWait)
    // Between half and one and a half times: those who lost a host together come again one by one.
    let next = now + wait / 2 + (wait == 0 ? 0 : random % wait)
    guard let patience = settings.patience else { return next }
    return now - begin >= patience ? nil : min(next, begin + patience)
  }
}
