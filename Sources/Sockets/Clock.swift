import Glibc

/// The two clocks that everything else is handed the readings of.
package enum Clock {
  /// Nanoseconds since some fixed moment; never goes back, goes on while the machine's date is set.
  package static func monotonic() -> UInt64 { read(CLOCK_MONOTONIC) }

  /// Milliseconds since the Unix epoch.
  package static func unixMilliseconds() -> Int64 { Int64(read(CLOCK_REALTIME) / 1_000_000) }

  /// Lets the calling thread sleep for some nanoseconds.
  package static func pause(_ nanoseconds: UInt64) {
    var time = timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    var rest = timespec()
    // A signal cuts the sleep short and leaves the rest.
    while unsafe nanosleep(&time, &rest) != 0, errno == EINTR { time = rest }
  }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    // Cannot fail: both clocks exist on every Linux, and the pointer is good.
    _ = unsafe clock_gettime(clock, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}
