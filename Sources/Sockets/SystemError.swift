import Glibc

/// A system call that failed: which one, and the `errno` it left.
package struct SystemError: Error, Equatable, CustomStringConvertible {
  package let operation: StaticString
  package let code: Int32

  package init(_ operation: StaticString, code: Int32) {
    self.operation = operation
    self.code = code
  }

  package static func == (left: SystemError, right: SystemError) -> Bool { left.code == right.code }

  /// The reason in the system's words, lower case, as it stands after a colon in a message.
  package var reason: String {
    switch code {
    case EADDRINUSE: return "address in use"
    case EWOULDBLOCK where operation.description == "flock": return "another program has locked it"
    default:
      let words = unsafe String(cString: strerror(code))
      return words.prefix(1).lowercased() + words.dropFirst()
    }
  }

  package var description: String { "\(operation): \(reason)" }
}

/// Makes a system call and retries it while a signal interrupts it; the one place that reads `errno`.
///
/// Not for `close`: on Linux the descriptor is gone even when `close` fails.
@inline(__always)
package func system(_ operation: StaticString, _ call: () -> Int) throws(SystemError) -> Int {
  while true {
    let result = call()
    if result >= 0 { return result }
    let code = errno
    if code != EINTR { throw SystemError(operation, code: code) }
  }
}

/// As ``system(_:_:)``, with "not now" as a value: nil when the call would have had to wait.
@inline(__always)
func systemUnlessBlocked(
  _ operation: StaticString, _ call: () -> Int
) throws(SystemError) -> Int? {
  while true {
    let result = call()
    if result >= 0 { return result }
    let code = errno
    if code == EAGAIN || code == EWOULDBLOCK { return nil }
    if code != EINTR { throw SystemError(operation, code: code) }
  }
}
