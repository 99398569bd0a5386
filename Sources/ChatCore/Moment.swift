/// A reading of both clocks, handed in to everything here that depends on time.
package struct Moment: Sendable {
  /// Nanoseconds of a clock that never goes back.
  package var monotonic: UInt64
  /// Milliseconds since the Unix epoch.
  package var unixMilliseconds: Int64

  package init(monotonic: UInt64, unixMilliseconds: Int64) {
    self.monotonic = monotonic
    self.unixMilliseconds = unixMilliseconds
  }
}
