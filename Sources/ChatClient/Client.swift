import ChatCore
import Glibc
import Sockets

/// A client in a room: what is said goes there, what comes is shown by its ``Front``.
///
/// Whoever drives it, a prompt or a loop over the lines of a pipe, gives it one ``turn(_:reading:)``
/// after the other.
package struct Client: ~Copyable {
  /// How it ended.
  package enum Ending: Equatable, Sendable {
    /// The input is over and all of it is in the stream, or the user left.
    case done
    /// It left, or was cut off, before it knew whether all it said is in the stream.
    case deliveryUnknown(messages: Int)
    /// The host closed, or the connection broke.
    case closed
    /// It never got in: the reason, and what to do.
    case refused(String, hint: String?)
    /// The room is secure, and there are no keys for it yet: make them and come again.
    case needsKeys(HostPacket.Hello)
    /// The host did not prove that it knows the password over exactly this connection.
    case unproven
    /// Nobody reads what it shows.
    case outputGone
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

  /// The signals that end a client.
  package static let endingSignals: [Int32] = [SIGINT, SIGTERM, SIGHUP]

  private var session: ClientSession
  private var link: Link
  private let front: any Front
  private let admitted: (_ isSecure: Bool) -> Void
  private let decide: (HostPacket.Hello, inout Link) -> Decision
  private let timeout: UInt64?
  private let started: UInt64
  private var isSecure = false
  private var buffer = [UInt8](repeating: 0, count: 64 << 10)
  /// Whether the link may have more that no poll tells of: TLS reads ahead.
  private var hasUnread = false

  /// Whether a signal told it to end: nothing is waited for any more then.
  package private(set) var isInterrupted = false

  /// What to do with a host that has said what it is.
  package enum Decision: Sendable {
    case proceed(ClientSession.Secrets)
    case end(Ending)
  }

  /// - Parameters:
  ///   - timeout: nanoseconds until the host must have let this client in; nil for ever.
  ///   - decide: says whether to go on with the host, and with which keys.
  ///   - admitted: is told that the room has been joined.
  package init(
    _ settings: ClientSession.Settings, over link: consuming Link, front: any Front,
    timeout: UInt64?,
    decide: @escaping (HostPacket.Hello, inout Link) -> Decision,
    admitted: @escaping (_ isSecure: Bool) -> Void
  ) {
    let now = Self.now()
    session = ClientSession(settings, at: now)
    self.link = link
    self.front = front
    self.decide = decide
    self.admitted = admitted
    self.timeout = timeout
    started = now.monotonic
  }

  private static func now() -> Moment {
    Moment(monotonic: Clock.monotonic(), unixMilliseconds: Clock.unixMilliseconds())
  }

  // MARK: Saying

  /// Whether the room has been joined.
  package var isAdmitted: Bool { session.isAdmitted }

  /// This client's name in the room; empty before it is in.
  package var name: String { session.name }

  /// Messages that were said and are not yet known to be in the stream.
  package var unsettledCount: Int { session.unsettledCount }

  /// Whether more may be said: what waits to be sent or to come back is bounded.
  package var hasRoom: Bool {
    session.isAdmitted && session.output.count < Limits.outbox && session.unsettledCount < 1000
  }

  /// Says a text to everybody. Call it while ``hasRoom``.
  package mutating func say(_ text: String) throws(ClientSession.SayFailure) {
    let id = try session.say(text)
    front.said(text, to: nil, id: id)
  }

  /// Leaves the room; a host that takes nothing any more is not waited for.
  package mutating func leave() -> Ending {
    goodbye(unsettledCount > 0 ? .deliveryUnknown(messages: unsettledCount) : .done)
  }

  private mutating func goodbye(_ ending: Ending) -> Ending {
    session.leave()
    do throws(Link.Failure) {
      try send()
    } catch {
      return ending
    }
    link.finishSending()
    return ending
  }

  // MARK: A turn

  /// Waits until something can be done, and does it: sends, receives, shows, lets time pass.
  ///
  /// What it returns comes again if it is not dealt with, except a signal.
  /// - Parameter input: the descriptor to say when it can be read; nil while nothing is to be read.
  package mutating func turn(_ signals: borrowing Signals, reading input: Int32?) -> Turn {
    do throws(Link.Failure) {
      return try step(signals, input)
    } catch {
      return .ended(lost())
    }
  }

  private mutating func step(
    _ signals: borrowing Signals, _ input: Int32?
  ) throws(Link.Failure) -> Turn {
    try send()
    // A broken link is always ready: one that is not to be read is not looked at.
    let isRead = !front.isFull
    let events =
      link.wantsWriting(hasOutput: !session.output.isEmpty) ? POLLIN | POLLOUT : POLLIN
    var entries = [
      pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
      pollfd(fd: isRead ? link.number : -1, events: Int16(events), revents: 0),
      pollfd(fd: front.waitingOutput ?? -1, events: Int16(POLLOUT), revents: 0),
      pollfd(fd: input ?? -1, events: Int16(POLLIN), revents: 0),
    ]
    let milliseconds = isRead && hasUnread ? 0 : timeToWait(isRead)
    let ready = unsafe poll(&entries, nfds_t(entries.count), milliseconds)
    if ready < 0 { return .shown }
    let signal = entries[0].revents != 0 ? signals.next() : nil
    if let signal, Self.endingSignals.contains(signal) {
      isInterrupted = true
      return .ended(leave())
    }
    if entries[1].revents & Int16(POLLOUT) != 0 { try send() }
    if entries[1].revents != 0 || isRead && hasUnread, let ending = try receive() {
      return .ended(ending)
    }
    if isRead, let ending = try timePassed() { return .ended(ending) }
    do throws(SystemError) {
      try front.flush()
    } catch {
      return .ended(goodbye(.outputGone))
    }
    if let signal { return .signal(signal) }
    return entries[3].revents != 0 ? .input : .shown
  }

  private mutating func send() throws(Link.Failure) {
    while !session.output.isEmpty {
      guard case .bytes(let count) = try link.send(session.output) else { return }
      session.sent(count)
    }
  }

  private mutating func receive() throws(Link.Failure) -> Ending? {
    hasUnread = false
    while true {
      switch try link.receive(into: &buffer) {
      case .wouldBlock: return nil
      case .endOfStream: return lost()
      case .bytes(let count):
        // Out of `self` while the session changes too; moved, not copied.
        var bytes: [UInt8] = []
        swap(&bytes, &buffer)
        defer { swap(&bytes, &buffer) }
        let events = session.receive(bytes.span.extracting(first: count), at: Self.now())
        if let ending = handle(events) { return ending }
        // Of clear text the poller tells when there is more; TLS may have more by itself.
        if !link.isEncrypted { return nil }
        if front.isFull {
          hasUnread = true
          return nil
        }
      }
    }
  }

  private mutating func handle(_ events: [ClientSession.Event]) -> Ending? {
    var ending: Ending?
    for event in events {
      switch event {
      case .admitted(let name):
        admitted(isSecure)
        front.joined(as: name, isSecure: isSecure, at: link.address)
      case .greeted(let hello):
        switch decide(hello, &link) {
        case .end(let reason): return reason
        case .proceed(let secrets):
          isSecure = hello.isSecure
          ending = handle(session.proceed(secrets)) ?? ending
        }
      case .packet(let packet, let line): front.show(packet, line: line)
      case .settled(let id): front.settled(id: id)
      case .refused(let reason): ending = .refused(reason, hint: nil)
      case .unproven: ending = .unproven
      case .needsTLS: ending = .refused("the room takes only TLS connections", hint: nil)
      case .notAHost(let reason):
        ending = .refused(
          "that is no netchat host: \(reason)", hint: "check the address and the port")
      case .undelivered(let text, let reason):
        front.tell(.undelivered(text: text, reason: reason))
      case .bye, .silence: ending = lost()
      }
    }
    return ending
  }

  private func lost() -> Ending {
    session.unsettledCount > 0 ? .deliveryUnknown(messages: session.unsettledCount) : .closed
  }

  // MARK: Time

  private mutating func timePassed() throws(Link.Failure) -> Ending? {
    if !session.isAdmitted, let timeout, Clock.monotonic() >= started + timeout {
      return .refused(
        "the host did not answer in time", hint: "is that port a netchat host? try --timeout")
    }
    return handle(session.timePassed(at: Self.now()))
  }

  /// Milliseconds for `poll`; -1 for ever. A host that is not read is not blamed for its silence.
  private func timeToWait(_ isRead: Bool) -> Int32 {
    guard isRead else { return -1 }
    var next = session.deadline ?? .max
    if !session.isAdmitted, let timeout { next = min(next, started + timeout) }
    if next == .max { return -1 }
    let now = Clock.monotonic()
    return next > now ? Int32(clamping: (next - now) / 1_000_000 + 1) : 0
  }
}
