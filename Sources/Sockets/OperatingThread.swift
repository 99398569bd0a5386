import CLinux
import Glibc

/// A thread of the operating system that runs one closure.
package struct OperatingThread: Sendable {
  private let handle: pthread_t

  private final class Body: Sendable {
    let name: String
    let run: @Sendable () -> Void
    init(_ name: String, _ run: @escaping @Sendable () -> Void) {
      self.name = name
      self.run = run
    }
  }

  /// Starts a thread.
  /// - Parameter name: at most 15 bytes, shown by `top -H` and debuggers.
  package init(name: String, _ run: @escaping @Sendable () -> Void) throws(SystemError) {
    var handle = pthread_t()
    let body = unsafe Unmanaged.passRetained(Body(name, run))
    // The new thread takes over the reference that `passRetained` made.
    let code = unsafe pthread_create(
      &handle, nil,
      { pointer in
        guard let pointer = unsafe pointer else { return nil }
        let body = unsafe Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue()
        _ = unsafe netchat_name_thread(body.name)
        body.run()
        return nil
      }, body.toOpaque())
    guard code == 0 else {
      unsafe body.release()
      throw SystemError("pthread_create", code: code)
    }
    self.handle = handle
  }

  /// The CPU time it has taken so far, in nanoseconds; nil once it has ended.
  package var processorTime: UInt64? {
    var clock = clockid_t()
    var time = timespec()
    guard unsafe pthread_getcpuclockid(handle, &clock) == 0,
      unsafe clock_gettime(clock, &time) == 0
    else { return nil }
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Waits until the closure has returned.
  package func join() { _ = pthread_join(handle, nil) }
}
