import ChatCore
import Glibc
import OpenSSL
import Sockets

/// Makes the connection to a host, and finds out whether it speaks TLS (PROTOCOL.md, section 2).
package struct Connector: Sendable {
  package enum Failure: Error {
    /// What the last address tried said.
    case system(Address, SystemError)
    case tls(Address, OpenSSLError)
    case timedOut(Address)
    /// The connection stands, and nothing comes over it.
    case silent(Address)
    /// It speaks clear text, and this client was told to speak TLS only.
    case clearText(Address)
    /// The user gave up.
    case interrupted
  }

  /// How to find out what the host speaks.
  package enum Manner: Sendable {
    /// Waits a moment for a clear `hello`, else begins TLS, and comes again in clear text if that
    /// was wrong.
    case find
    /// TLS at once, and nothing else.
    case encrypted
  }

  private let host: String
  private let manner: Manner
  private let context: TLSContext
  private let timeout: UInt64?

  /// - Parameters:
  ///   - host: the name or address that was dialled, which a certificate is checked for.
  ///   - timeout: nanoseconds for each address; nil waits as long as the system does.
  package init(host: String, _ manner: Manner, _ context: TLSContext, timeout: UInt64?) {
    self.host = host
    self.manner = manner
    self.context = context
    self.timeout = timeout
  }

  /// How long a clear `hello` is waited for, in nanoseconds (section 2).
  private static let helloTime: UInt64 = 300_000_000

  /// Tries the addresses in turn until one takes the connection.
  package func connect(to addresses: [Address], signals: borrowing Signals) throws(Failure) -> Link
  {
    var failure: Failure?
    for address in addresses {
      do throws(Failure) {
        return try connect(to: address, signals)
      } catch {
        guard case .system = error else {
          if case .timedOut = error {
            failure = error
            continue
          }
          throw error
        }
        failure = error
      }
    }
    throw failure ?? .interrupted
  }

  private func connect(to address: Address, _ signals: borrowing Signals) throws(Failure) -> Link {
    do throws(Setback) {
      let socket = try open(address, signals)
      switch manner {
      case .find:
        if try wait(socket.number, .reading, Clock.monotonic() + Self.helloTime, signals) {
          return Link(socket, nil, to: address)
        }
        do throws(Setback) {
          return try encrypt(socket, address, signals)
        } catch {
          guard case .clearText = error else { throw error }
        }
        return Link(try open(address, signals), nil, to: address)
      case .encrypted: return try encrypt(socket, address, signals)
      }
    } catch {
      switch error {
      case .system(let error): throw .system(address, error)
      case .tls(let error): throw .tls(address, error)
      case .timedOut: throw .timedOut(address)
      case .silent: throw .silent(address)
      case .clearText: throw .clearText(address)
      case .interrupted: throw .interrupted
      }
    }
  }

  /// A failure, still without its address.
  private enum Setback: Error {
    case system(SystemError)
    case tls(OpenSSLError)
    case timedOut
    case silent
    case clearText
    case interrupted
  }

  private func open(_ address: Address, _ signals: borrowing Signals) throws(Setback)
    -> StreamSocket
  {
    let socket: StreamSocket
    do throws(SystemError) {
      socket = try StreamSocket(connectingTo: address)
    } catch {
      throw .system(error)
    }
    let deadline = timeout.map { Clock.monotonic() + $0 }
    guard try wait(socket.number, .writing, deadline, signals) else { throw .timedOut }
    if let error = socket.connectionError() {
      throw error.code == ETIMEDOUT ? .timedOut : .system(error)
    }
    return socket
  }

  /// Makes the TLS handshake.
  private func encrypt(
    _ socket: consuming StreamSocket, _ address: Address, _ signals: borrowing Signals
  ) throws(Setback) -> Link {
    let deadline = timeout.map { Clock.monotonic() + $0 }
    var tls: TLSConnection
    do throws(OpenSSLError) {
      tls = try TLSConnection(connecting: context, descriptor: socket.number, host: host)
    } catch {
      throw .tls(error)
    }
    var hasHeard = false
    while true {
      if !hasHeard {
        // TLS answers by a handshake record or an alert (RFC 8446, section 5.1); anything else is a
        // host that speaks clear text, and nothing more is said to it.
        let first: UInt8??
        do throws(SystemError) { first = try socket.peekByte() } catch { throw .system(error) }
        if case .some(let byte?) = first {
          hasHeard = true
          if byte != 0x16, byte != 0x15 { throw .clearText }
        }
      }
      let progress: TLSConnection.Progress
      do throws(OpenSSLError) {
        progress = try tls.handshake()
      } catch {
        // The same answer, but it came while OpenSSL was reading already.
        if !hasHeard, error == TLSConnection.notTLS { throw .clearText }
        throw .tls(error)
      }
      let readiness: Readiness
      switch progress {
      case .done: return Link(socket, tls, to: address)
      case .wantRead: readiness = .reading
      case .wantWrite: readiness = .writing
      }
      guard try wait(socket.number, readiness, deadline, signals) else { throw .silent }
    }
  }

  /// Waits for a descriptor; false when the time is up.
  private func wait(
    _ number: Int32, _ readiness: Readiness, _ deadline: UInt64?, _ signals: borrowing Signals
  ) throws(Setback) -> Bool {
    while true {
      var entries = [
        pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
        pollfd(
          fd: number, events: Int16(readiness == .reading ? POLLIN : POLLOUT), revents: 0),
      ]
      let now = Clock.monotonic()
      let milliseconds =
        deadline.map { $0 > now ? Int32(clamping: ($0 - now) / 1_000_000 + 1) : 0 } ?? -1
      let ready = unsafe poll(&entries, 2, milliseconds)
      if ready > 0, entries[0].revents != 0 { throw .interrupted }
      if ready > 0 { return true }
      if ready == 0, let deadline, Clock.monotonic() >= deadline { return false }
    }
  }
}
