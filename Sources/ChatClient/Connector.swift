import Glibc
import Sockets

/// Makes the connection to a host.
package enum Connector {
  package enum Failure: Error {
    /// What the last address tried said.
    case system(Address, SystemError)
    case timedOut(Address)
    /// The user gave up.
    case interrupted
  }

  /// A socket whose connection stands, and to where.
  package struct Connected: ~Copyable {
    package let socket: StreamSocket
    package let address: Address

    /// Takes the two apart.
    package consuming func takeSocket() -> StreamSocket { socket }
  }

  /// Tries the addresses in turn until one takes the connection.
  /// - Parameter timeout: nanoseconds for each; nil waits as long as the system does.
  package static func connect(
    to addresses: [Address], timeout: UInt64?, signals: borrowing Signals
  ) throws(Failure) -> Connected {
    var failure: Failure?
    for address in addresses {
      do throws(Failure) {
        return try connect(to: address, timeout: timeout, signals: signals)
      } catch {
        if case .interrupted = error { throw error }
        failure = error
      }
    }
    throw failure ?? .interrupted
  }

  private static func connect(
    to address: Address, timeout: UInt64?, signals: borrowing Signals
  ) throws(Failure) -> Connected {
    do throws(SystemError) {
      let socket = try StreamSocket(connectingTo: address)
      let deadline = timeout.map { Clock.monotonic() + $0 }
      while true {
        var entries = [
          pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
          pollfd(fd: socket.number, events: Int16(POLLOUT), revents: 0),
        ]
        let now = Clock.monotonic()
        let wait = deadline.map { $0 > now ? Int32(clamping: ($0 - now) / 1_000_000 + 1) : 0 } ?? -1
        let ready = unsafe poll(&entries, 2, wait)
        if ready > 0, entries[0].revents != 0 { break }
        if ready > 0, entries[1].revents != 0 {
          if let error = socket.connectionError() { throw error }
          return Connected(socket: socket, address: address)
        }
        if ready == 0, let deadline, Clock.monotonic() >= deadline {
          throw SystemError("connect", code: ETIMEDOUT)
        }
      }
    } catch {
      if error.code == ETIMEDOUT { throw .timedOut(address) }
      throw .system(address, error)
    }
    throw .interrupted
  }
}
