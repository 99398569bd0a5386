import ChatCore
import Glibc
import OpenSSL
import Sockets

/// A connection on its way: tries the addresses in turn until one takes it, and finds out whether the
/// host speaks TLS (PROTOCOL.md, section 2).
///
/// It never waits: wait for ``descriptor`` or the ``deadline``, then ``proceed(isReady:)``.
package struct ConnectionAttempt: ~Copyable {
  private enum Phase: Equatable {
    case connecting
    /// A clear `hello` may come.
    case listening
    case handshake
  }

  private let connector: Connector
  private let addresses: [Address]
  private var index = 0
  private var phase = Phase.connecting
  private var socket: StreamSocket?
  private var tls: TLSConnection?
  private var hasHeard = false
  /// The host has turned out to speak no TLS.
  private var isClear = false
  private var failure: Connector.Failure?
  package private(set) var readiness = Readiness.writing
  /// Nanoseconds of the monotonic clock; nil for never.
  package private(set) var deadline: UInt64?

  /// - Parameter addresses: at least one.
  package init(_ connector: Connector, to addresses: [Address]) throws(Connector.Failure) {
    self.connector = connector
    self.addresses = addresses
    try open()
  }

  package var descriptor: Int32 { mutating get { socket?.number ?? -1 } }

  /// Goes on.
  /// - Parameter isReady: whether the descriptor is; else the deadline has come.
  /// - Returns: the connection once it stands; nil while it is to be waited for.
  package mutating func proceed(isReady: Bool) throws(Connector.Failure) -> Link? {
    do throws(Setback) {
      switch phase {
      case .connecting:
        guard isReady else { throw .timedOut }
        if let error = socket?.connectionError() {
          throw error.code == ETIMEDOUT ? .timedOut : .system(error)
        }
        if isClear { return takeLink() }
        switch connector.manner {
        case .encrypted:
          try beginTLS()
          return try shakeHands()
        case .find:
          phase = .listening
          wait(for: .reading, Connector.helloTime)
          return nil
        }
      case .listening:
        if isReady { return takeLink() }
        try beginTLS()
        return try shakeHands()
      case .handshake:
        guard isReady else { throw .silent }
        return try shakeHands()
      }
    } catch {
      try recover(from: error)
      return nil
    }
  }

  /// A failure, still without its address.
  private enum Setback: Error {
    case system(SystemError)
    case tls(OpenSSLError)
    case timedOut
    case silent
    case clearText
  }

  /// Tries the next address, or clear text, if that may help.
  private mutating func recover(from setback: Setback) throws(Connector.Failure) {
    let address = addresses[index]
    tls = nil
    socket = nil
    switch setback {
    case .system(let error): failure = .system(address, error)
    case .timedOut: failure = .timedOut(address)
    case .tls(let error): throw .tls(address, error)
    case .silent: throw .silent(address)
    case .clearText:
      guard connector.manner == .find else { throw .clearText(address) }
      isClear = true
      return try open()
    }
    index += 1
    try open()
  }

  /// Begins with the address whose turn it is, or the first after it that takes a connection.
  private mutating func open() throws(Connector.Failure) {
    while index < addresses.count {
      do throws(SystemError) {
        socket = try StreamSocket(connectingTo: addresses[index])
        phase = .connecting
        hasHeard = false
        wait(for: .writing, connector.timeout)
        return
      } catch {
        failure = .system(addresses[index], error)
        index += 1
      }
    }
    throw failure ?? .timedOut(addresses[addresses.count - 1])
  }

  private mutating func wait(for readiness: Readiness, _ nanoseconds: UInt64?) {
    self.readiness = readiness
    deadline = nanoseconds.map { Clock.monotonic() + $0 }
  }

  private mutating func takeLink() -> Link? {
    guard let socket = socket.take() else { return nil }
    return Link(socket, tls.take(), to: addresses[index])
  }

  private mutating func beginTLS() throws(Setback) {
    do throws(OpenSSLError) {
      tls = try TLSConnection(
        connecting: connector.context, descriptor: descriptor, host: connector.host)
    } catch {
      throw .tls(error)
    }
    phase = .handshake
    wait(for: .reading, connector.timeout)
  }

  private mutating func shakeHands() throws(Setback) -> Link? {
    // Where the answer came while the handshake began, OpenSSL has read its first byte.
    if !hasHeard, tls?.hasReceived == false {
      // TLS answers by a handshake record or an alert (RFC 8446, section 5.1); anything else is a
      // host that speaks clear text, and nothing more is said to it.
      let first: UInt8??
      do throws(SystemError) { first = try socket?.peekByte() ?? .none } catch {
        throw .system(error)
      }
      if case .some(let byte?) = first {
        hasHeard = true
        if byte != 0x16, byte != 0x15 { throw .clearText }
      }
    }
    do throws(OpenSSLError) {
      switch try tls?.handshake() {
      case .done: return takeLink()
      case .wantRead: readiness = .reading
      case .wantWrite: readiness = .writing
      case nil: break
      }
    } catch {
      // The same answer, but it came while OpenSSL was reading already.
      if !hasHeard, error == TLSConnection.notTLS { throw .clearText }
      throw .tls(error)
    }
    return nil
  }
}
