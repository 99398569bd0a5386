import ChatCore
import Glibc
import Sockets

/// A client in a room: standard input is said, what comes is shown.
package struct Client: ~Copyable {
  package enum Format: Sendable { case lines, json }

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

  private var session: ClientSession
  private var link: Link
  private let format: Format
  private let admitted: (_ isSecure: Bool) -> Void
  private let decide: (HostPacket.Hello, inout Link) -> Decision
  private let report: (String) -> Void
  private let timeout: UInt64?
  private let started: UInt64
  private var isSecure = false
  private var buffer = [UInt8](repeating: 0, count: 64 << 10)

  /// What to do with a host that has said what it is.
  package enum Decision: Sendable {
    case proceed(ClientSession.Secrets)
    case end(Ending)
  }

  /// - Parameters:
  ///   - decide: says whether to go on with the host, and with which keys.
  ///   - admitted: is told that the room has been joined.
  ///   - timeout: nanoseconds until the host must have let this client in; nil for ever.
  ///   - report: shows a complaint to the user.
  package init(
    _ settings: ClientSession.Settings, over link: consuming Link, format: Format,
    timeout: UInt64?, report: @escaping (String) -> Void,
    decide: @escaping (HostPacket.Hello, inout Link) -> Decision,
    admitted: @escaping (_ isSecure: Bool) -> Void
  ) {
    let now = Self.now()
    session = ClientSession(settings, at: now)
    self.link = link
    self.decide = decide
    self.admitted = admitted
    self.format = format
    self.timeout = timeout
    self.report = report
    started = now.monotonic
  }

  private static func now() -> Moment {
    Moment(monotonic: Clock.monotonic(), unixMilliseconds: Clock.unixMilliseconds())
  }

  /// Converses until the input ends, the user leaves or the host closes.
  package consuming func run(_ input: inout LineInput, _ signals: borrowing Signals) -> Ending {
    do throws(Link.Failure) {
      while true {
        if let ending = try turn(&input, signals) { return ending }
      }
    } catch {
      return lost()
    }
  }

  private mutating func turn(_ input: inout LineInput, _ signals: borrowing Signals)
    throws(Link.Failure) -> Ending?
  {
    if session.isAdmitted { sayLines(&input) }
    if session.isAdmitted, input.isAtEnd, input.waitingBytes == 0, session.unsettledCount == 0 {
      return try goodbye(.done)
    }
    try send()
    let readsInput = session.isAdmitted && !input.isAtEnd && hasRoom
    var entries = [
      pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
      pollfd(
        fd: link.number,
        events: Int16(
          link.wantsWriting(hasOutput: !session.output.isEmpty) ? POLLIN | POLLOUT : POLLIN),
        revents: 0),
      pollfd(fd: readsInput ? input.descriptor : -1, events: Int16(POLLIN), revents: 0),
    ]
    let ready = unsafe poll(&entries, nfds_t(entries.count), timeToWait())
    if ready < 0 { return nil }
    if entries[0].revents != 0, signals.next() != nil {
      let unsettled = session.unsettledCount
      return try goodbye(unsettled > 0 ? .deliveryUnknown(messages: unsettled) : .done)
    }
    if entries[1].revents & Int16(POLLOUT) != 0 { try send() }
    if entries[1].revents != 0, let ending = try receive() { return ending }
    if entries[2].revents != 0 { input.fill() }
    return try timePassed()
  }

  /// Whether more may be said: what waits to be sent or to come back is bounded.
  private var hasRoom: Bool {
    session.output.count < Limits.outbox && session.unsettledCount < 1000
  }

  private mutating func sayLines(_ input: inout LineInput) {
    while hasRoom, let line = input.takeLine() {
      switch line {
      case .tooLong: report("a line longer than \(Limits.clientLine) bytes was not said")
      case .text(let text):
        do throws(ClientSession.SayFailure) {
          try session.say(text)
        } catch {
          if error == .tooLong { report("a line was too long and was not said") }
        }
      }
    }
  }

  private mutating func send() throws(Link.Failure) {
    while !session.output.isEmpty {
      guard case .bytes(let count) = try link.send(session.output) else { return }
      session.sent(count)
    }
  }

  private mutating func receive() throws(Link.Failure) -> Ending? {
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
        if let ending = try handle(events) { return ending }
        // Of clear text the poller tells when there is more; TLS may have more by itself.
        if !link.isEncrypted { return nil }
      }
    }
  }

  private mutating func handle(_ events: [ClientSession.Event]) throws(Link.Failure) -> Ending? {
    var shown: [UInt8] = []
    var ending: Ending?
    var more: [ClientSession.Event] = []
    for event in events {
      switch event {
      case .admitted(let name):
        admitted(isSecure)
        guard format == .lines else { break }
        if isSecure {
          shown.append(contentsOf: "Authenticated as \(DisplayText.line(name))\n".utf8)
        }
        shown.append(contentsOf: "Connected to \(link.address)\n".utf8)
      case .greeted(let hello):
        switch decide(hello, &link) {
        case .end(let reason): return reason
        case .proceed(let secrets):
          isSecure = hello.isSecure
          more += session.proceed(secrets)
        }
      case .packet(let packet, let line): append(packet, line, to: &shown)
      case .refused(let reason): ending = .refused(reason, hint: nil)
      case .unproven: ending = .unproven
      case .needsTLS: ending = .refused("the room takes only TLS connections", hint: nil)
      case .notAHost(let reason):
        ending = .refused(
          "that is no netchat host: \(reason)", hint: "check the address and the port")
      case .undelivered(let text, let reason): report("not said: \(text): \(reason)")
      case .bye, .silence: ending = lost()
      }
    }
    do throws(SystemError) {
      if !shown.isEmpty { try writeAll(shown.span, to: STDOUT_FILENO) }
    } catch {
      return try goodbye(.outputGone)
    }
    if ending == nil, !more.isEmpty { return try handle(more) }
    return ending
  }

  private func append(_ packet: HostPacket, _ line: [UInt8], to shown: inout [UInt8]) {
    switch format {
    case .json:
      shown.append(contentsOf: DisplayText.escapedJSON(line.span))
      shown.append(UInt8(ascii: "\n"))
    case .lines:
      guard let text = Transcript.line(for: packet) else { return }
      shown.append(contentsOf: text.utf8)
      shown.append(UInt8(ascii: "\n"))
    }
  }

  private func lost() -> Ending {
    session.unsettledCount > 0 ? .deliveryUnknown(messages: session.unsettledCount) : .closed
  }

  /// Leaves the room; a host that takes nothing any more is not waited for.
  private mutating func goodbye(_ ending: Ending) throws(Link.Failure) -> Ending {
    session.leave()
    do throws(Link.Failure) {
      try send()
    } catch {
      return ending
    }
    link.finishSending()
    return ending
  }

  private mutating func timePassed() throws(Link.Failure) -> Ending? {
    if !session.isAdmitted, let timeout, Clock.monotonic() >= started + timeout {
      return .refused(
        "the host did not answer in time", hint: "is that port a netchat host? try --timeout")
    }
    return try handle(session.timePassed(at: Self.now()))
  }

  /// Milliseconds for `poll`; -1 for ever.
  private func timeToWait() -> Int32 {
    var next = session.deadline ?? .max
    if !session.isAdmitted, let timeout { next = min(next, started + timeout) }
    if next == .max { return -1 }
    let now = Clock.monotonic()
    return next > now ? Int32(clamping: (next - now) / 1_000_000 + 1) : 0
  }
}
