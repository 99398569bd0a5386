/// A client's conversation with a host, over one connection after the other (PROTOCOL.md, sections 3
/// to 7 and 9).
///
/// Bytes, lines to say and the time go in; ``output`` and events come out. It knows nothing of
/// sockets and terminals.
package struct ClientSession {
  package struct Settings: Sendable {
    /// The name to ask for; nil lets the host give one.
    package var name: String?
    /// What a version 1 host is told instead, who refuses a client without a name.
    package var loginName: String
    /// Past packets to ask for.
    package var history = 0
    /// Whether the caller decides about every host, also one in clear text without a password.
    package var decidesAlways = false
    /// This client's own id for its messages.
    package var sid: SenderID
    /// Draws another one, for another room or name; nil if the machine gives no random numbers.
    package var nextSenderID: @Sendable () -> SenderID?
    /// Silence after which the host is pinged, in nanoseconds...
    package var silenceBeforePing = Limits.silenceBeforePing
    /// ...and after which it is given up.
    package var silenceBeforeEnd = Limits.silenceBeforeEnd

    package init(
      name: String? = nil, loginName: String, sid: SenderID,
      nextSenderID: @escaping @Sendable () -> SenderID? = { nil }
    ) {
      self.name = name
      self.loginName = loginName
      self.sid = sid
      self.nextSenderID = nextSenderID
    }
  }

  package enum Event: Equatable, Sendable {
    /// In the room, under this name.
    case admitted(name: String)
    /// In the room again after the connection was lost.
    case reconnected(Return)
    /// Under another name than before.
    case renamed(String)
    /// A packet to show, and its line as it came.
    case packet(HostPacket, line: [UInt8])
    /// What the host is: the caller says whether to go on with it, by ``proceed(_:)``.
    case greeted(HostPacket.Hello)
    /// The host does not let this client in.
    case refused(reason: String)
    /// The host did not prove that it knows the password over exactly this connection.
    case unproven
    /// The host takes only TLS connections.
    case needsTLS
    /// A message that was said needs no more waiting for, by the id that ``say(_:to:)`` gave.
    case settled(id: Int64)
    /// What was said did not go into the room.
    case undelivered(text: String, reason: String)
    /// What was said may have gone into the room, and nobody can tell.
    case unknown(text: String)
    /// The host closes.
    case bye(code: String, reason: String)
    /// The far end is no netchat host, or not one this version understands.
    case notAHost(reason: String)
    /// Nothing was heard for too long.
    case silence
  }

  /// What became of the room while the connection was lost.
  package enum Return: Equatable, Sendable {
    /// So many messages of others come now; where not all could be counted, more than so many.
    case missed(messages: Int, isAll: Bool)
    /// The room has not kept all that was said meanwhile.
    case gap
    /// It is another room: the host began anew.
    case otherRoom
    /// The host is of version 1, and cannot tell what was said meanwhile.
    case versionOne
  }

  enum State: Equatable {
    case disconnected
    case awaitingHello
    /// Until the caller says to go on.
    case greeted
    case awaitingChallenge
    case awaitingResult
    case admitted
    case over
  }

  /// How this room's messages are sealed.
  package enum Secrets: Sendable {
    case none
    case keys(any ClientKeys, exporter: [UInt8])
    case versionOne(any VersionOneClientKeys)
  }

  // MARK: What one connection has

  let settings: Settings
  var state = State.awaitingHello
  private var lines = LineReader(limit: Limits.hostLine)
  var version: Int64 = 1
  var secrets = Secrets.none
  var room = ""
  /// The lines of `hello` and `auth`, without their ends, and the attempt that binds to them.
  var hello: [UInt8] = []
  var auth: [UInt8] = []
  var exporter: [UInt8] = []
  var proof: (any PasswordProof)?
  /// Lines that came before the caller decided to go on.
  var early: [UInt8] = []
  /// Bytes to send.
  package internal(set) var output: [UInt8] = []
  /// Bytes that have been sent.
  var sentBytes = 0
  private var lastHeard: UInt64
  private var pinged: UInt64?
  /// The pings that are not answered, and whether the user asked for each.
  var pings: [Bool] = []

  // MARK: What it keeps over all of them

  /// Whether it has been in the room.
  package internal(set) var hasJoined = false
  /// The room it has been in, and the version of its host.
  var joined: (room: String, version: Int64) = ("", 1)
  package internal(set) var name = ""
  /// The name to ask for in a room where it is nobody yet.
  var wish: String?
  /// The name that it asked for over this connection.
  var asked: String?
  var token: String?
  var sid: SenderID
  /// Whether the host may hold the `sid` for somebody else's: nothing said by it has come back over
  /// this connection.
  var isSenderInDoubt = false
  var lastNumber: Int64 = 0
  var lastMessage: Int64 = 0
  var unsettled = SaidMessages()
  /// A name wished for in the room and not yet answered, and whether it has been sent.
  var nick: (name: String, isSent: Bool)?
  /// Questions for the members that are not answered.
  var questions = 0
  /// The last id that came, and the one that everything up to was not asked for.
  var lastID: Int64 = 0
  var firstID: Int64 = 0
  var backlog: Backlog?
  /// The last `n` shown of each `sid`, in a secure room.
  var shown: [SenderID: Int64] = [:]

  package init(_ settings: Settings, at now: Moment) {
    self.settings = settings
    sid = settings.sid
    wish = settings.name
    lastHeard = now.monotonic
  }

  package var isAdmitted: Bool { state == .admitted }

  /// Messages that were said and are not yet known to be in the stream.
  package var unsettledCount: Int { unsettled.count }

  /// Whether nothing waits for an answer.
  package var isSettled: Bool {
    unsettled.count == 0 && nick == nil && questions == 0 && !pings.contains(true)
  }

  /// Whether a wish for another name waits for its answer.
  package var isRenaming: Bool { nick != nil }

  /// Whether more may be said: what waits to be sent or to come back is bounded.
  package var hasRoom: Bool {
    hasJoined && unsettled.count < Limits.unsettledMessages
      && unsettled.bytes < Limits.unsettledBytes
  }

  /// Takes the first bytes of ``output`` off, which have been sent.
  package mutating func sent(_ count: Int) {
    output.removeFirst(count)
    sentBytes += count
  }

  // MARK: One connection after the other

  /// A new connection stands.
  package mutating func connected(at now: Moment) {
    state = .awaitingHello
    lastHeard = now.monotonic
  }

  /// The connection is gone. What was said waits for the next one.
  package mutating func disconnected() -> [Event] {
    var events: [Event] = []
    if hasJoined, version < 2 {
      // A version 1 host tells nobody what it has (section 9).
      while let message = unsettled.remove(where: { $0.start.map { $0 < sentBytes } ?? false }) {
        events += [.unknown(text: message.text), .settled(id: message.id)]
      }
    }
    unsettled.unsend()
    lines = LineReader(limit: Limits.hostLine)
    output = []
    sentBytes = 0
    early = []
    proof = nil
    pings = []
    pinged = nil
    nick?.isSent = false
    state = .disconnected
    return events
  }

  /// What came and was not shown, for one who does not come again.
  package mutating func takeHeld() -> [Event] { backlog?.takeHeld() ?? [] }

  // MARK: What comes from the host

  package mutating func receive(_ bytes: Span<UInt8>, at now: Moment) -> [Event] {
    lastHeard = now.monotonic
    pinged = nil
    var events: [Event] = []
    var start = 0
    while state != .over, start < bytes.count {
      switch lines.next(in: bytes, from: &start) {
      case .line(let range): receive(line: bytes.extracting(range), &events)
      case .joined:
        let line = lines.takeJoined()
        receive(line: line.span, &events)
      case .needsMore: break
      case .tooLong: end(.notAHost(reason: "a line is longer than a host may send"), &events)
      }
    }
    send(&events)
    return events
  }

  mutating func end(_ event: Event, _ events: inout [Event]) {
    state = .over
    events.append(event)
  }

  mutating func receive(line: Span<UInt8>, _ events: inout [Event]) {
    if line.indices.allSatisfy({ line[$0] <= 0x20 }) { return }
    let packet: HostPacket
    do throws(PacketError) {
      packet = try HostPacket(line)
    } catch {
      return end(.notAHost(reason: "what it sends is no packet: \(error.reason)"), &events)
    }
    switch (state, packet) {
    case (.awaitingHello, .hello(let hello)): greet(hello, line, &events)
    case (.awaitingChallenge, .authChallenge(let share, let confirm)):
      answer(share, confirm, &events)
    case (.awaitingResult, .authResult(.accepted(let admission))):
      enter(admission, line, &events)
    case (.awaitingHello, .authResult(.refused(let reason))),
      (.greeted, .authResult(.refused(let reason))),
      (.awaitingChallenge, .authResult(.refused(let reason))),
      (.awaitingResult, .authResult(.refused(let reason))):
      end(.refused(reason: reason), &events)
    case (.awaitingChallenge, .authResult(.accepted)):
      // A host that lets in without a proof of its own is none to trust (section 4).
      end(.unproven, &events)
    case (_, .error(let code, let reason, let n)) where state != .admitted || n == nil:
      show(packet, line, &events)
      if state != .admitted { return end(.refused(reason: "\(code): \(reason)"), &events) }
      // The answer to a wish for a name has no number: nothing else that is asked may fail.
      if nick?.isSent == true { nick = nil }
    case (_, .bye(let code, let reason)):
      show(packet, line, &events)
      end(.bye(code: code, reason: reason), &events)
    case (_, .ping): output.append(contentsOf: PacketWriter.bare("pong"))
    case (.admitted, _): receive(packet, line, &events)
    case (.awaitingHello, .other), (_, .pong): break
    case (.awaitingHello, _): end(.notAHost(reason: "it does not begin with hello"), &events)
    case (.greeted, _):
      // A version 1 host may admit at once; and what comes before the caller has decided waits.
      early.append(line)
      early.append(UInt8(ascii: "\n"))
    case (.awaitingChallenge, _), (.awaitingResult, _), (.disconnected, _), (.over, _): break
    }
  }

  func show(_ packet: HostPacket, _ line: Span<UInt8>, _ events: inout [Event]) {
    var bytes: [UInt8] = []
    bytes.append(line)
    events.append(.packet(packet, line: bytes))
  }

  // MARK: Time

  /// When ``timePassed(at:)`` has something to do, in nanoseconds of the monotonic clock; nil if
  /// never.
  package var deadline: UInt64? {
    guard state == .admitted, version >= 2 else { return nil }
    // Counted from the ping: this program may have been stopped, and must not blame the host.
    return pinged.map { $0 + settings.silenceBeforeEnd - settings.silenceBeforePing }
      ?? lastHeard + settings.silenceBeforePing
  }

  package mutating func timePassed(at now: Moment) -> [Event] {
    guard let deadline, deadline <= now.monotonic else { return [] }
    if pinged != nil {
      state = .over
      return [.silence]
    }
    pinged = now.monotonic
    sendPing(isAsked: false)
    return []
  }
}
