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

  /// A moment as `2026-01-31T12:00:00Z` (ISO 8601, UTC).
  package static func date(unixSeconds: Int64) -> String {
    var time = time_t(unixSeconds)
    var parts = unsafe tm()
    // Fails only for years that no Int32 can hold.
    guard unsafe gmtime_r(&time, &parts) != nil else { return "\(unixSeconds)" }
    let moment = unsafe CalendarTime(parts)
    return "\(moment.date)T\(moment.time)Z"
  }

  /// A moment in the user's time zone.
  package static func local(unixSeconds: Int64) -> CalendarTime {
    var time = time_t(unixSeconds)
    var parts = unsafe tm()
    // localtime_r need not look at TZ by itself; where it fails, 1970 says so.
    tzset()
    _ = unsafe localtime_r(&time, &parts)
    return unsafe CalendarTime(parts)
  }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    // Cannot fail: both clocks exist on every Linux, and the pointer is good.
    _ = unsafe clock_gettime(clock, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}

/// The parts of a moment on a calendar and a clock.
package struct CalendarTime: Equatable, Sendable {
  /// `2026-01-31`.
  package let date: String
  /// `12:00`.
  package let hoursAndMinutes: String
  /// `12:00:00`.
  package let time: String

  package init(
    year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int
  ) {
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    date = "\(year)-\(two(month))-\(two(day))"
    hoursAndMinutes = "\(two(hour)):\(two(minute))"
    time = "\(hoursAndMinutes):\(two(second))"
  }

  fileprivate init(_ parts: tm) {
    unsafe self.init(
      year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday),
      hour: Int(parts.tm_hour), minute: Int(parts.tm_min), second: Int(parts.tm_sec))
  }
}
