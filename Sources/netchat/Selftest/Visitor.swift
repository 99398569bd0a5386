import ChatClient
import ChatCore
import OpenSSL
import Sockets

/// A client that does one thing after the other, each within a time: what selftest looks at rooms
/// with.
struct Visitor: ~Copyable {
  /// Why a visit did not go as it should.
  enum Failure: Error, Equatable {
    case notConnected(Connector.Failure)
    /// The connection broke, or the host closed it.
    case lost(reason: String)
    /// Nothing came for as long as is waited.
    case late
    case refused(reason: String)
    /// The host did not prove that it knows the password over exactly this connection.
    case unproven
    case needsTLS
    case notAHost(reason: String)
    /// Something else, in words.
    case unexpected(String)

    var reason: String {
      switch self {
      case .notConnected(let failure): "cannot connect: \(failure.reason)"
      case .lost(let reason): reason
      case .late: "what should have come did not"
      case .refused(let reason): "refused: \(reason)"
      case .unproven: "wrong password, or someone is in the middle"
      case .needsTLS: "it takes only TLS connections"
      case .notAHost(let reason): "it is no netchat host: \(reason)"
      case .unexpected(let reason): reason
      }
    }
  }

  private let connector: Connector
  private let addresses: [Address]
  private let patience: UInt64
  private(set) var session: ClientSession
  private var link: Link?
  /// What it proves itself by, each time it comes.
  private var keys: (any ClientKeys)?
  private var hello: HostPacket.Hello?
  /// What came and was not looked at yet.
  private var events: [ClientSession.Event] = []
  private var buffer = [UInt8](repeating: 0, count: TLSConnection.largestRecord)

  /// Connects, and waits for the host's `hello`.
  /// - Parameters:
  ///   - name: to ask for; nil lets the host give one.
  ///   - addresses: at least one.
  ///   - patience: nanoseconds that each step may take.
  init(
    _ name: String?, _ connector: Connector, to addresses: [Address], patience: UInt64
  ) throws(Failure) {
    guard let sid = SenderID(random: Machine.randomBytes(16)) else {
      throw .unexpected("this machine gives no random numbers")
    }
    var settings = ClientSession.Settings(name: name, loginName: name ?? "selftest", sid: sid)
    settings.decidesAlways = true
    var session = ClientSession(settings, at: Self.now)
    let link = try Self.connect(connector, addresses)
    session.connected(at: Self.now)
    self.init(session, link, connector, addresses, patience)
  }

  private init(
    _ session: ClientSession, _ link: consuming Link, _ connector: Connector,
    _ addresses: [Address], _ patience: UInt64
  ) {
    self.session = session
    self.link = consume link
    self.connector = connector
    self.addresses = addresses
    self.patience = patience
  }

  static var now: Moment {
    Moment(monotonic: Clock.monotonic(), unixMilliseconds: Clock.unixMilliseconds())
  }

  private static func connect(_ connector: Connector, _ addresses: [Address]) throws(Failure)
    -> Link
  {
    do throws(Connector.Failure) {
      var attempt = try ConnectionAttempt(connector, to: addresses)
      while true {
        let now = Clock.monotonic()
        let rest = attempt.deadline.map { $0 > now ? $0 - now : 0 }
        let isReady: Bool
        do throws(SystemError) {
          isReady = try Sockets.wait(
            for: attempt.readiness, on: attempt.descriptor, timeout: rest)
        } catch {
          throw .system(addresses[0], error)
        }
        if let link = try attempt.proceed(isReady: isReady) { return link }
      }
    } catch {
      throw .notConnected(error)
    }
  }

  // MARK: Coming in

  /// What the host says that it is.
  mutating func greet() throws(Failure) -> HostPacket.Hello {
    if let hello { return hello }
    let hello = try expect { event throws(Failure) in
      if case .greeted(let hello) = event { hello } else { nil }
    }
    self.hello = hello
    return hello
  }

  /// Asks to be let in and waits until it is.
  /// - Parameter keys: of a secure room.
  /// - Returns: its name there.
  mutating func join(_ keys: (any ClientKeys)? = nil) throws(Failure) -> String {
    self.keys = keys
    try proceed()
    return try expect { event throws(Failure) in
      if case .admitted(let name) = event { name } else { nil }
    }
  }

  private mutating func proceed() throws(Failure) {
    guard try greet().isSecure else {
      events += session.proceed(.none)
      return
    }
    guard let keys else { throw .unexpected("it asks for a password") }
    guard let exporter = link?.exporter() else {
      throw .unexpected("it does not offer TLS 1.3, which a secure room needs")
    }
    events += session.proceed(.keys(keys, exporter: exporter))
  }

  // MARK: Talking

  mutating func say(_ text: String, to recipient: String? = nil) throws(Failure) {
    do throws(ClientSession.SayFailure) {
      try session.say(text, to: recipient)
    } catch {
      throw .unexpected("'\(text.prefix(20))' cannot be said")
    }
    try flush()
  }

  /// Waits for a message with this text.
  /// - Returns: when the host had it, in milliseconds since the Unix epoch, if it says so.
  @discardableResult
  mutating func hear(_ text: String) throws(Failure) -> Int64? {
    try expect { event throws(Failure) -> Int64?? in
      guard case .packet(.chat(let chat), _) = event, case .text(text) = chat.body else {
        return nil
      }
      return .some(chat.time)
    }
  }

  /// Waits until all that was said is in the room.
  mutating func settle() throws(Failure) {
    let end = Clock.monotonic() + patience
    while session.unsettledCount > 0 {
      guard Clock.monotonic() < end else { throw .unexpected("not all that was said came back") }
      try flush()
      try receive()
    }
  }

  /// The time that a ping and its answer take, in nanoseconds.
  mutating func roundTrip() throws(Failure) -> UInt64 {
    do throws(ClientSession.SayFailure) {
      try session.ping()
    } catch {
      throw .unexpected("the host answers no ping")
    }
    let start = Clock.monotonic()
    return try expect { event throws(Failure) in
      if case .packet(.pong, _) = event { Clock.monotonic() - start } else { nil }
    }
  }

  /// Waits for an event that `find` makes something of.
  private mutating func expect<Found>(
    _ find: (ClientSession.Event) throws(Failure) -> Found?
  ) throws(Failure) -> Found {
    let end = Clock.monotonic() + patience
    repeat {
      while !events.isEmpty {
        let event = events.removeFirst()
        switch event {
        case .refused(let reason): throw .refused(reason: reason)
        case .unproven: throw .unproven
        case .needsTLS: throw .needsTLS
        case .notAHost(let reason): throw .notAHost(reason: reason)
        case .bye(_, let reason): throw .lost(reason: "the host closed: \(reason)")
        default: if let found = try find(event) { return found }
        }
      }
      try flush()
      try receive()
    } while Clock.monotonic() < end
    throw .late
  }

  // MARK: Bytes

  /// Sends bytes, also such as are no packet of the session's.
  mutating func send(_ bytes: [UInt8]) throws(Failure) {
    var rest = bytes
    while !rest.isEmpty { rest.removeFirst(try write(rest)) }
  }

  private mutating func flush() throws(Failure) {
    events += session.fill()
    while !session.output.isEmpty {
      session.sent(try write(session.output))
      if session.output.isEmpty { events += session.fill() }
    }
  }

  /// Sends some of the bytes, once they are taken.
  private mutating func write(_ bytes: [UInt8]) throws(Failure) -> Int {
    while true {
      do throws(Link.Failure) {
        if case .bytes(let count)? = try link?.send(bytes) { return count }
      } catch {
        throw .lost(reason: error.reason)
      }
      try wait(hasOutput: true)
    }
  }

  /// Takes what comes next.
  private mutating func receive() throws(Failure) {
    let count = try read()
    let bytes = buffer
    events += session.receive(bytes.span.extracting(first: count), at: Self.now)
  }

  /// Waits for bytes, and puts them into the buffer.
  private mutating func read() throws(Failure) -> Int {
    while true {
      let received: Received?
      do throws(Link.Failure) {
        received = try link?.receive(into: &buffer)
      } catch {
        throw .lost(reason: error.reason)
      }
      switch received {
      case .bytes(let count): return count
      case .endOfStream, nil: throw .lost(reason: "the host closed the connection")
      case .wouldBlock: try wait(hasOutput: false)
      }
    }
  }

  private mutating func wait(hasOutput: Bool) throws(Failure) {
    let wantsWriting = link?.wantsWriting(hasOutput: hasOutput) ?? false
    do throws(SystemError) {
      if try Sockets.wait(
        for: wantsWriting ? .writing : .reading, on: link?.number ?? -1, timeout: patience)
      {
        return
      }
    } catch {
      throw .lost(reason: error.reason)
    }
    throw .late
  }

  /// The next line that begins so, past the session: for those who speak version 1.
  mutating func nextLine(beginning text: String) throws(Failure) -> [UInt8] {
    var line: [UInt8] = []
    let end = Clock.monotonic() + patience
    while Clock.monotonic() < end {
      for byte in buffer[..<(try read())] {
        guard byte == UInt8(ascii: "\n") else {
          line.append(byte)
          continue
        }
        if line.starts(with: text.utf8) { return line }
        line = []
      }
    }
    throw .late
  }

  // MARK: The connection

  /// How the connection is encrypted; nil in clear text.
  mutating func encryption() -> String? { link?.encryption() }

  /// What speaks against the host's certificate; nil if it is trusted.
  mutating func certificateProblem() -> String? { link?.certificateProblem() }

  mutating func fingerprint() -> Fingerprint? { link?.fingerprint() }

  /// Gives the connection to somebody who reads it by themselves.
  mutating func takeLink() -> Link? { link.take() }

  /// Ends the connection without a word.
  mutating func drop() {
    events += session.disconnected()
    hello = nil
    link = nil
  }

  /// Comes again, as after a lost connection.
  /// - Returns: what it missed.
  mutating func comeAgain() throws(Failure) -> ClientSession.Return {
    link = try Self.connect(connector, addresses)
    session.connected(at: Self.now)
    try proceed()
    return try expect { event throws(Failure) in
      if case .reconnected(let how) = event { how } else { nil }
    }
  }

  /// Says goodbye. It has done what it came for, so it does not matter whether the host hears it.
  mutating func leave() {
    session.leave()
    do throws(Failure) { try flush() } catch {}
    link?.finishSending()
  }
}
