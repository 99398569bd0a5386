import CLinux
import Glibc

/// A set of descriptors that one thread waits for (Linux epoll, level-triggered).
///
/// Safe although it stores `epoll_event`s, whose union has a pointer: only its number is used.
@safe package struct Poller: ~Copyable {
  private let descriptor: Descriptor
  private var events: [epoll_event]

  package struct Interest: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let reading = Interest(rawValue: EPOLLIN.rawValue)
    package static let writing = Interest(rawValue: EPOLLOUT.rawValue)
  }

  /// What happened to one descriptor.
  package struct Event {
    /// The number the descriptor was added with.
    package let tag: UInt64
    fileprivate let flags: UInt32
    /// Something can be read, if only the end of the stream or an error.
    package var isReadable: Bool {
      flags & (EPOLLIN.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
    }
    package var isWritable: Bool {
      flags & (EPOLLOUT.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
    }
  }

  package init() throws(SystemError) {
    descriptor = Descriptor(
      owning: Int32(try system("epoll_create1") { Int(epoll_create1(Int32(EPOLL_CLOEXEC))) }))
    unsafe events = Array(repeating: epoll_event(), count: 1024)
  }

  package func add(_ number: Int32, tag: UInt64, _ interest: Interest) throws(SystemError) {
    try control(EPOLL_CTL_ADD, number, tag, interest)
  }

  package func change(_ number: Int32, tag: UInt64, _ interest: Interest) throws(SystemError) {
    try control(EPOLL_CTL_MOD, number, tag, interest)
  }

  /// Forgets a descriptor before it is closed or handed on.
  package func remove(_ number: Int32) throws(SystemError) {
    try control(EPOLL_CTL_DEL, number, 0, [])
  }

  private func control(_ operation: Int32, _ number: Int32, _ tag: UInt64, _ interest: Interest)
    throws(SystemError)
  {
    var event = unsafe epoll_event()
    unsafe event.events = interest.rawValue
    unsafe event.data.u64 = tag
    _ = try system("epoll_ctl") {
      unsafe Int(epoll_ctl(descriptor.number, operation, number, &event))
    }
  }

  /// Waits until something happens or the time is up, and says how many events there are.
  /// - Parameter timeout: nanoseconds, rounded up to whole milliseconds; nil waits for ever.
  package mutating func wait(timeout: UInt64?) throws(SystemError) -> Int {
    let milliseconds = timeout.map {
      Int32(clamping: ($0 / 1_000_000) + ($0 % 1_000_000 > 0 ? 1 : 0))
    }
    let number = descriptor.number
    let count = unsafe epoll_wait(number, &events, Int32(events.count), milliseconds ?? -1)
    if count >= 0 { return Int(count) }
    let code = errno
    if code == EINTR { return 0 }
    throw SystemError("epoll_wait", code: code)
  }

  /// The event at `index` of the last ``wait(timeout:)``.
  package subscript(index: Int) -> Event {
    unsafe Event(tag: events[index].data.u64, flags: events[index].events)
  }
}
