import CLinux
import Glibc

/// Wakes a thread that waits in a poller, from any other thread (Linux eventfd).
package struct Wakeup: ~Copyable, Sendable {
  private let descriptor: Descriptor
  package var number: Int32 { descriptor.number }

  package init() throws(SystemError) {
    descriptor = Descriptor(
      owning: Int32(
        try system("eventfd") {
          Int(eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC)))
        }))
  }

  /// Makes the descriptor readable. Cannot fail but for a full counter, which wakes as well.
  package borrowing func signal() { _ = eventfd_write(descriptor.number, 1) }

  /// Makes the descriptor quiet again.
  package borrowing func clear() {
    var count: eventfd_t = 0
    _ = unsafe eventfd_read(descriptor.number, &count)
  }
}
