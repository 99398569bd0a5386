import ChatCore
import Glibc
import OpenSSL
import Sockets

/// A client in a room: what is said goes there, what comes is shown by its ``Front``, and a lost
/// connection is tried for again (PROTOCOL.md, section 7).
///
/// Whoever drives it, a prompt or a loop over the lines of a pipe, gives it one ``turn(_:reading:)``
/// after the other.
package struct Client: ~Copyable {
  package struct Settings: Sendable {
    package var session: ClientSession.Settings
    /// Nil: a lost connection ends it.
    package var reconnection: Reconnection.Settings?
    /// Whether a host that shut down is waited for.
    package var outlivesHost = false
    /// The signals that end it; others are told of.
    package var endingSignals = Client.endingSignals

    package init(_ session: ClientSession.Settings) { self.session = session }
  }

  /// How it ended.
  package enum Ending: Equatable, Sendable {
    /// The input is over and all of it is in the stream, or the user left.
    case done
    /// It left, or was cut off, before it knew whether all it said is in the stream.
    case deliveryUnknown(messages: Int)
    /// The host closed, or the connection broke; the reason, where there is more to say.
    case closed(reason: String?)
    /// The connection was lost, and was not to be had again or could not be in time.
    case lost(reason: String)
    /// It never got in: the reason, and what to do.
    case refused(String, hint: String?)
    /// It never had a connection.
    case notConnected(Connector.Failure)
    /// Something is to be settled first: then ``retryNow()`` and go on.
    case needs(Need)
    /// The host did not prove that it knows the password over exactly this connection.
    case unproven
    /// Nobody reads what it shows.
    case outputGone
    /// A signal came before it was in the room.
    case interrupted
    /// Something that was to be said did not go into the room, and has been told of.
    case notSaid
    /// What was waited for did not come in time.
    case notMatched
  }

  /// What takes longer than a host waits for a client that says nothing.
  package enum Need: Equatable, Sendable {
    /// The room is secure, and there are no keys for it yet.
    case keys(HostPacket.Hello)
    /// Nobody vouches for this certificate, for this reason, and the user is to be asked.
    case trust(Fingerprint, problem: String)
  }

  /// What is to be done after a turn.
  package enum Turn: Equatable, Sendable {
    /// Nothing: something may have been shown, or time has passed.
    case shown
    /// The input can be read.
    case input
    /// A signal came that is not this client's business.
    case signal(Int32)
    case ended(Ending)
  }

  /// What to do with a host that has said what it is.
  package enum Decision: Sendable {
    case proceed(ClientSession.Secrets)
    case end(Ending)
  }

  /// The signals that end a client.
  package static let endingSignals: [Int32] = [SIGINT, SIGTERM, SIGHUP]

  let settings: Settings
  var connector: Connector
  let addresses: [Address]
  let front: any Front
  let decide: (HostPacket.Hello, inout Link) -> Decision
  let admitted: (_ isSecure: Bool) -> Void

  var session: ClientSession
  var reconnection: Reconnection
  var link: Link?
  var attempt: ConnectionAttempt?
  /// When to try to connect, in nanoseconds of the monotonic clock; nil with a connection or on the
  /// way to one.
  var nextTry: UInt64? = 0
  /// When the host must have let this client in.
  var admissionDeadline: UInt64?
  /// Whether the user has been told that the connection is lost, and not yet that it is back.
  var isLossTold = false
  var isSecure = false
  var buffer = [UInt8](repeating: 0, count: 64 << 10)
  /// Whether the link may have more that no poll tells of: TLS reads ahead.
  var hasUnread = false
  /// Whether a signal told it to end: nothing is waited for any more then.
  package private(set) var isInterrupted = false
  /// Messages of which nobody knows whether they arrived.
  package private(set) var unknownCount = 0
  /// Messages that did not go into the room.
  package private(set) var undeliveredCount = 0

  /// - Parameters:
  ///   - connector: its timeout bounds the host's part of the admission too.
  ///   - decide: says whether to go on with the host, and with which keys.
  ///   - admitted: is told each time that the room has been joined.
  package init(
    _ settings: Settings, _ connector: Connector, to addresses: [Address], front: any Front,
    decide: @escaping (HostPacket.Hello, inout Link) -> Decision,
    admitted: @escaping (_ isSecure: Bool) -> Void
  ) {
    self.settings = settings
    self.connector = connector
    self.addresses = addresses
    self.front = front
    self.decide = decide
    self.admitted = admitted
    session = ClientSession(settings.session, at: Self.now())
    reconnection = Reconnection(settings.reconnection ?? Reconnection.Settings())
  }

  static func now() -> Moment {
    Moment(monotonic: Clock.monotonic(), unixMilliseconds: Clock.unixMilliseconds())
  }

  // MARK: Saying

  /// Whether it has been in the room: from then on texts can be said, also while the connection is
  /// lost.
  package var hasJoined: Bool { session.hasJoined }

  /// Whether it is in the room now.
  package var isAdmitted: Bool { session.isAdmitted }

  /// This client's name in the room; empty before it is in.
  package var name: String { session.name }

  /// Messages that were said and are not yet known to be in the stream.
  package var unsettledCount: Int { session.unsettledCount }

  /// Whether nothing that was said or asked waits for an answer.
  package var isSettled: Bool { session.isSettled }

  /// Whether a wish for another name waits for its answer.
  package var isRenaming: Bool { session.isRenaming }

  /// Whether more may be said: what waits to be sent or to come back is bounded.
  package var hasRoom: Bool { session.hasRoom }

  /// Says a text, to everybody or to one member. Call it while ``hasRoom``.
  package mutating func say(_ text: String, to recipient: String? = nil)
    throws(ClientSession.SayFailure)
  {
    let id = try session.say(text, to: recipient)
    front.said(text, to: recipient, id: id)
  }

  /// Wishes another name. What is said meanwhile waits for the answer.
  package mutating func rename(to name: String) throws(ClientSession.SayFailure) {
    try session.rename(to: name)
  }

  /// Asks for the `members` packet.
  package mutating func askForMembers() throws(ClientSession.SayFailure) {
    try session.askForMembers()
  }

  /// Asks for a `pong` packet.
  package mutating func ping() throws(ClientSession.SayFailure) { try session.ping() }

  /// Leaves the room; a host that takes nothing any more is not waited for.
  package mutating func leave() -> Ending { goodbye(left(or: .done)) }

  /// How it ends, given what is known of what was said.
  func left(or ending: Ending) -> Ending {
    let count = session.unsettledCount + unknownCount
    return count > 0 ? .deliveryUnknown(messages: count) : ending
  }

  private mutating func goodbye(_ ending: Ending) -> Ending {
    _ = handle(session.takeHeld())
    session.leave()
    do throws(Link.Failure) {
      try send()
    } catch {
      return ending
    }
    link?.finishSending()
    return ending
  }

  // MARK: A turn

  /// Waits until something can be done, and does it: connects, sends, receives, shows, lets time pass.
  ///
  /// What it returns comes again if it is not dealt with, except a signal.
  /// - Parameters:
  ///   - input: the descriptor to say when it can be read; nil while nothing is to be read.
  ///   - deadline: until when to wait at most, in nanoseconds of the monotonic clock.
  package mutating func turn(
    _ signals: borrowing Signals, reading input: Int32?, until deadline: UInt64? = nil
  ) -> Turn {
    if let ending = connectIfDue() { return over(ending) }
    if let ending = sendOrLose() { return over(ending) }
    // A broken link is always ready: one that is not to be read is not looked at.
    let isRead = !front.isFull
    var entries = [
      pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
      connectionEntry(isRead),
      pollfd(fd: front.waitingOutput ?? -1, events: Int16(POLLOUT), revents: 0),
      pollfd(fd: input ?? -1, events: Int16(POLLIN), revents: 0),
    ]
    let milliseconds = isRead && hasUnread ? 0 : timeToWait(isRead, until: deadline)
    let ready = unsafe poll(&entries, nfds_t(entries.count), milliseconds)
    if ready < 0 { return .shown }
    let signal = entries[0].revents != 0 ? signals.next() : nil
    if let signal, settings.endingSignals.contains(signal) {
      isInterrupted = true
      return .ended(hasJoined ? leave() : .interrupted)
    }
    if let ending = attend(to: entries[1].revents, isRead) { return over(ending) }
    do throws(SystemError) {
      try front.flush()
    } catch {
      return .ended(goodbye(.outputGone))
    }
    if let signal { return .signal(signal) }
    return entries[3].revents != 0 ? .input : .shown
  }

  /// Shows what was held back until it was known what came before: nothing more will come.
  private mutating func over(_ ending: Ending) -> Turn {
    if case .needs = ending { return .ended(ending) }
    _ = handle(session.takeHeld())
    return .ended(ending)
  }

  /// What to wait for of the connection, or of the one on its way.
  private mutating func connectionEntry(_ isRead: Bool) -> pollfd {
    if attempt != nil {
      let readiness = attempt?.readiness ?? .reading
      return pollfd(
        fd: attempt?.descriptor ?? -1,
        events: Int16(readiness == .reading ? POLLIN : POLLOUT), revents: 0)
    }
    guard link != nil, isRead else { return pollfd(fd: -1, events: 0, revents: 0) }
    let wantsWriting = link?.wantsWriting(hasOutput: !session.output.isEmpty) ?? false
    return pollfd(
      fd: link?.number ?? -1, events: Int16(wantsWriting ? POLLIN | POLLOUT : POLLIN), revents: 0)
  }

  private mutating func attend(to revents: Int16, _ isRead: Bool) -> Ending? {
    if attempt != nil { return advanceAttempt(isReady: revents != 0) }
    guard link != nil, isRead else { return nil }
    if revents & Int16(POLLOUT) != 0, let ending = sendOrLose() { return ending }
    do throws(Link.Failure) {
      if revents != 0 || hasUnread, let ending = try receive() { return ending }
    } catch {
      return lose(error.reason)
    }
    return timePassed()
  }

  private mutating func sendOrLose() -> Ending? {
    do throws(Link.Failure) {
      try send()
      return nil
    } catch {
      let reason = error.reason
      do throws(Link.Failure) {
        // What the host said before it closed may tell why, and whether to come again.
        if let ending = try receive(all: true) { return ending }
      } catch {
        // It is lost for the reason that came first.
      }
      return link != nil ? lose(reason) : nil
    }
  }

  private mutating func send() throws(Link.Failure) {
    guard link != nil else { return }
    if session.output.isEmpty { _ = handle(session.fill()) }
    while !session.output.isEmpty {
      guard case .bytes(let count)? = try link?.send(session.output) else { return }
      session.sent(count)
      if session.output.isEmpty { _ = handle(session.fill()) }
    }
  }

  /// - Parameter all: whether to go on until nothing is left, instead of letting others have their turn.
  private mutating func receive(all: Bool = false) throws(Link.Failure) -> Ending? {
    hasUnread = false
    while true {
      switch try link?.receive(into: &buffer) {
      case .wouldBlock, nil: return nil
      case .endOfStream: return lose(nil)
      case .bytes(let count):
        // Out of `self` while the session changes too; moved, not copied.
        var bytes: [UInt8] = []
        swap(&bytes, &buffer)
        defer { swap(&bytes, &buffer) }
        let events = session.receive(bytes.span.extracting(first: count), at: Self.now())
        if let ending = handle(events) { return ending }
        if all { continue }
        // Of clear text the poller tells when there is more; TLS may have more by itself.
        if !(link?.isEncrypted ?? false) { return nil }
        if front.isFull {
          hasUnread = true
          return nil
        }
      }
    }
  }

  mutating func handle(_ events: [ClientSession.Event]) -> Ending? {
    var ending: Ending?
    for event in events {
      switch event {
      case .admitted(let name):
        entered()
        if let address = link?.address { front.joined(as: name, isSecure: isSecure, at: address) }
      case .reconnected(let how):
        entered()
        isLossTold = false
        front.tell(.reconnected(how))
      case .renamed(let name): front.tell(.renamed(name))
      case .greeted(let hello): ending = greet(hello) ?? ending
      case .packet(let packet, let line): front.show(packet, line: line)
      case .settled(let id): front.settled(id: id)
      case .unproven: ending = .unproven
      case .needsTLS: ending = .refused("the room takes only TLS connections", hint: nil)
      case .notAHost(let reason):
        ending = .refused(
          "that is no netchat host: \(reason)", hint: "check the address and the port")
      case .undelivered(let text, let reason):
        undeliveredCount += 1
        front.tell(.undelivered(text: text, reason: reason))
      case .unknown(let text):
        unknownCount += 1
        front.tell(.unknown(text: text))
      case .refused(let reason): ending = refused(reason)
      case .bye(let code, let reason): ending = closed(code, reason)
      case .silence: ending = lose("the host is silent")
      }
    }
    return ending
  }

  private mutating func entered() {
    admissionDeadline = nil
    reconnection.succeeded(at: Clock.monotonic())
    // Whoever listens in must not make it speak clear text the next time.
    if link?.isEncrypted == true { connector.manner = .encrypted }
    // And once it has been there, it waits for no answer without end.
    connector.timeout = connector.timeout ?? Limits.silenceBeforeEnd
    admitted(isSecure)
  }

  private mutating func greet(_ hello: HostPacket.Hello) -> Ending? {
    guard var link = link.take() else { return nil }
    let decision = decide(hello, &link)
    self.link = consume link
    switch decision {
    case .end(let ending):
      if case .needs = ending {
        // In between somebody could answer in its place, in clear text.
        if self.link?.isEncrypted == true { connector.manner = .encrypted }
        hangUp()
      }
      return ending
    case .proceed(let secrets):
      isSecure = hello.isSecure
      return handle(session.proceed(secrets))
    }
  }

  // MARK: Time

  private mutating func timePassed() -> Ending? {
    guard link != nil else { return nil }
    if let admissionDeadline, Clock.monotonic() >= admissionDeadline {
      if hasJoined { return lose("the host did not answer in time") }
      return .refused(
        "the host did not answer in time", hint: "is that port a netchat host? try --timeout")
    }
    return handle(session.timePassed(at: Self.now()))
  }

  /// Milliseconds for `poll`; -1 for ever. A host that is not read is not blamed for its silence.
  private mutating func timeToWait(_ isRead: Bool, until end: UInt64?) -> Int32 {
    var next = min(nextTry ?? .max, end ?? .max)
    if let deadline = attempt?.deadline ?? nil { next = min(next, deadline) }
    if link != nil, isRead { next = min(next, session.deadline ?? .max, admissionDeadline ?? .max) }
    if next == .max { return -1 }
    let now = Clock.monotonic()
    return next > now ? Int32(clamping: (next - now) / 1_000_000 + 1) : 0
  }
}
