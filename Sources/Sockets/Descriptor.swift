import Glibc

/// An open file descriptor, closed when its owner goes.
package struct Descriptor: ~Copyable, Sendable {
  package let number: Int32

  /// Takes over an open descriptor.
  package init(owning number: Int32) { self.number = number }

  /// Gives the descriptor up, open.
  package consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }

  deinit { _ = close(number) }
}

/// What a read or a receive brought.
package enum Received: Equatable, Sendable {
  case bytes(Int)
  case wouldBlock
  case endOfStream
}

/// What a write or a send took.
package enum Sent: Equatable, Sendable {
  case bytes(Int)
  case wouldBlock
}

/// Reads what is there, at most the span's size.
package func read(_ descriptor: Int32, into span: inout MutableSpan<UInt8>) throws(SystemError)
  -> Received
{
  let count = unsafe try span.withUnsafeMutableBytes { buffer throws(SystemError) in
    try systemUnlessBlocked("read") {
      unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
    }
  }
  guard let count else { return .wouldBlock }
  return count == 0 ? .endOfStream : .bytes(count)
}

/// Writes all of the bytes to a descriptor that may block, waiting as long as its reader lets it.
package func writeAll(_ bytes: Span<UInt8>, to descriptor: Int32) throws(SystemError) {
  var rest = bytes
  while !rest.isEmpty {
    let now = rest
    let count = unsafe try now.withUnsafeBytes { buffer throws(SystemError) in
      try systemUnlessBlocked("write") {
        unsafe write(descriptor, buffer.baseAddress, buffer.count)
      }
    }
    if let count {
      rest = rest.extracting(droppingFirst: count)
    } else {
      // Somebody else made this open file non-blocking (a shell's other child may share it).
      _ = try wait(for: .writing, on: descriptor, timeout: nil)
    }
  }
}

/// Writes as many of the bytes as a descriptor takes at once, although it may be a blocking one.
///
/// Its mode stays as it is: the open file may be shared with other programs.
package func writeNow(_ bytes: Span<UInt8>, to descriptor: Int32) throws(SystemError) -> Sent {
  guard try wait(for: .writing, on: descriptor, timeout: 0) else { return .wouldBlock }
  // A pipe that is ready takes so much without waiting (pipe(7)), and so do sockets and terminals.
  let some = bytes.extracting(first: Int(PIPE_BUF))
  let count = unsafe try some.withUnsafeBytes { buffer throws(SystemError) in
    try systemUnlessBlocked("write") {
      unsafe write(descriptor, buffer.baseAddress, buffer.count)
    }
  }
  return count.map(Sent.bytes) ?? .wouldBlock
}

/// Writes all of a text, waiting as long as its reader lets it.
package func writeAll(_ text: String, to descriptor: Int32) throws(SystemError) {
  try writeAll(text.utf8Span.span, to: descriptor)
}

/// What ``wait(for:on:timeout:)`` waits for.
package enum Readiness: Sendable { case reading, writing }

/// Waits until a descriptor can be read or written.
/// - Parameter timeout: nanoseconds; nil waits for ever.
/// - Returns: false when the time ran out.
package func wait(for readiness: Readiness, on descriptor: Int32, timeout: UInt64?)
  throws(SystemError) -> Bool
{
  let events = Int16(readiness == .reading ? POLLIN : POLLOUT)
  var entry = pollfd(fd: descriptor, events: events, revents: 0)
  let deadline = timeout.map { Clock.monotonic() &+ $0 }
  while true {
    var milliseconds: Int32 = -1
    if let deadline {
      let now = Clock.monotonic()
      milliseconds =
        now >= deadline
        ? 0
        : Int32(
          clamping: (deadline - now).addingReportingOverflow(999_999).partialValue / 1_000_000)
    }
    let count = unsafe poll(&entry, 1, milliseconds)
    if count > 0 { return true }
    if count == 0 {
      if milliseconds >= 0, milliseconds < Int32.max { return false } else { continue }
    }
    let code = errno
    if code != EINTR { throw SystemError("poll", code: code) }
  }
}

/// Whether a descriptor is a terminal.
package func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
