import CLinux
import Glibc

/// What systemd, or whoever else speaks its protocol, tells a service and is told by it
/// (sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3)).
package enum ServiceManager {
  /// The sockets that were opened for this process: descriptors from 3 on.
  /// - Returns: none where nobody passed any, or they were passed to another process.
  package static var passedDescriptors: [Int32] {
    guard let process = Machine.environment("LISTEN_PID").flatMap({ Int32($0) }),
      process == getpid(),
      let count = Machine.environment("LISTEN_FDS").flatMap({ Int32($0) }), count > 0
    else { return [] }
    return (0..<min(count, mostDescriptors)).map { 3 + $0 }
  }

  /// More are nobody's intention, and not all of them will be open.
  private static let mostDescriptors: Int32 = 1_024

  /// How often the service has to say that it is alive, in nanoseconds; nil where nobody watches.
  package static var watchdogInterval: UInt64? {
    guard let microseconds = Machine.environment("WATCHDOG_USEC").flatMap({ UInt64($0) }),
      microseconds > 0, microseconds < UInt64.max / 1_000
    else { return nil }
    if let process = Machine.environment("WATCHDOG_PID"), process != String(getpid()) { return nil }
    return microseconds * 1_000
  }

  /// Tells the state, such as `READY=1`. Nothing is told where nobody asked for it.
  package static func notify(_ state: String) throws(SystemError) {
    guard let path = Machine.environment("NOTIFY_SOCKET") else { return }
    let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
    let number = Int32(try system("socket") { Int(socket(AF_UNIX, type, 0)) })
    let opened = Descriptor(owning: number)
    // A manager that does not read what it asked for is not waited for without end.
    var time = timeval(tv_sec: 1, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    _ = try system("setsockopt") {
      unsafe Int(setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &time, size))
    }
    let address = try Address(unixPath: path)
    let bytes = Array(state.utf8)
    _ = try system("sendto") {
      unsafe address.withPointer { pointer, length in
        unsafe sendto(number, bytes, bytes.count, Int32(MSG_NOSIGNAL), pointer, length)
      }
    }
    _ = consume opened
  }
}
