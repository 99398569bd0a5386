import CLinux
import Glibc

/// Stretches of bytes, lying in several places, that one call sends as one.
///
/// Safe as long as it is filled and sent before any of the bytes move: it keeps only pointers.
@safe package struct GatherList: ~Copyable {
  private let vectors: UnsafeMutableBufferPointer<iovec>
  private var used = 0
  /// Bytes of all stretches.
  package private(set) var byteCount = 0

  /// - Parameter capacity: stretches a call, at most 1,024 (IOV_MAX).
  package init(capacity: Int) {
    unsafe vectors = UnsafeMutableBufferPointer<iovec>.allocate(capacity: capacity)
  }

  deinit { unsafe vectors.deallocate() }

  package mutating func removeAll() {
    used = 0
    byteCount = 0
  }

  /// Adds a stretch; says whether there is room for another.
  package mutating func append(_ stretch: UnsafeRawBufferPointer) -> Bool {
    unsafe vectors[used] = iovec(
      iov_base: UnsafeMutableRawPointer(mutating: stretch.baseAddress), iov_len: stretch.count)
    used += 1
    byteCount += stretch.count
    return unsafe used < vectors.count
  }

  /// Sends as much of it as the kernel takes now.
  fileprivate borrowing func send(on descriptor: Int32) throws(SystemError) -> Sent {
    if used == 1 {
      // Nearly always: and `send` is cheaper than `sendmsg`.
      let count = try systemUnlessBlocked("send") {
        unsafe Glibc.send(
          descriptor, vectors[0].iov_base, vectors[0].iov_len, Int32(MSG_NOSIGNAL))
      }
      return count.map(Sent.bytes) ?? .wouldBlock
    }
    var message = unsafe msghdr()
    unsafe message.msg_iov = vectors.baseAddress
    unsafe message.msg_iovlen = used
    let count = try systemUnlessBlocked("sendmsg") {
      unsafe sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
    }
    return count.map(Sent.bytes) ?? .wouldBlock
  }
}

extension StreamSocket {
  /// Sends several stretches of bytes as one, as many as the kernel takes now. Never raises SIGPIPE.
  package borrowing func send(_ list: borrowing GatherList) throws(SystemError) -> Sent {
    try list.send(on: number)
  }
}
