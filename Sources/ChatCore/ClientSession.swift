/// A client's conversation with a host (PROTOCOL.md, sections 3 to 5 and 9).
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

    package init(name: String? = nil, loginName: String, sid: SenderID) {
      self.name = name
      self.loginName = loginName
      self.sid = sid
    }
  }

  package enum Event: Equatable, Sendable {
    /// In the room, under this name.
    case admitted(name: String)
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
    /// A message that was said needs no more waiting for, by the id that ``say(_:)`` gave.
    case settled(id: Int64)
    /// What was said did not go into the room.
    case undelivered(text: String, reason: String)
    /// The host closes.
    case bye(code: String, reason: String)
    /// The far end is no netchat host, or not one this version understands.
    case notAHost(reason: String)
    /// Nothing was heard for too long.
    case silence
  }

  private enum State: Equatable {
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

  private struct Unsettled {
    let n: Int64
    let text: String
  }

  private let settings: Settings
  private var state = State.awaitingHello
  private var lines = LineReader(limit: Limits.hostLine)
  private var version: Int64 = 1
  private var lastNumber: Int64 = 0
  /// Said, and not yet known to be in the stream; in order.
  private var unsettled: [Unsettled] = []
  private var secrets = Secrets.none
  private var room = ""
  /// The lines of `hello` and `auth`, without their ends, and the attempt that binds to them.
  private var hello: [UInt8] = []
  private var auth: [UInt8] = []
  private var exporter: [UInt8] = []
  private var proof: (any PasswordProof)?
  /// The last `n` shown of each `sid`, in a secure room.
  private var shown: [SenderID: Int64] = [:]
  private var lastID: Int64 = 0
  private var lastHeard: UInt64
  private var isPinged = false
  package private(set) var name = ""
  /// Lines that came before the caller decided to go on.
  private var early: [UInt8] = []
  /// Bytes to send.
  package private(set) var output: [UInt8] = []

  package init(_ settings: Settings, at now: Moment) {
    self.settings = settings
    lastHeard = now.monotonic
  }

  package var isAdmitted: Bool { state == .admitted }

  /// Messages that were said and are not yet known to be in the stream.
  package var unsettledCount: Int { unsettled.count }

  /// Takes the first bytes of ``output`` off, which have been sent.
  package mutating func sent(_ count: Int) { output.removeFirst(count) }

  // MARK: What comes from the host

  package mutating func receive(_ bytes: Span<UInt8>, at now: Moment) -> [Event] {
    lastHeard = now.monotonic
    isPinged = false
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
    return events
  }

  private mutating func end(_ event: Event, _ events: inout [Event]) {
    state = .over
    events.append(event)
  }

  private mutating func receive(line: Span<UInt8>, _ events: inout [Event]) {
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
      name = admission.name
      state = .admitted
      show(packet, line, &events)
      events.append(.admitted(name: name))
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
      if state != .admitted { end(.refused(reason: "\(code): \(reason)"), &events) }
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
    case (.awaitingChallenge, _), (.awaitingResult, _), (.over, _): break
    }
  }

  private func show(_ packet: HostPacket, _ line: Span<UInt8>, _ events: inout [Event]) {
    var bytes: [UInt8] = []
    bytes.append(line)
    events.append(.packet(packet, line: bytes))
  }

  private mutating func greet(
    _ hello: HostPacket.Hello, _ line: Span<UInt8>, _ events: inout [Event]
  ) {
    show(.hello(hello), line, &events)
    if hello.requiresTLS { return end(.needsTLS, &events) }
    self.hello.append(line)
    version = hello.version
    room = hello.room ?? ""
    state = .greeted
    if hello.isSecure || settings.decidesAlways {
      events.append(.greeted(hello))
    } else {
      events += proceed(.none)
    }
  }

  /// Goes on with the host that ``Event/greeted(_:)`` told of: asks to be let in.
  package mutating func proceed(_ secrets: Secrets) -> [Event] {
    self.secrets = secrets
    var writer = PacketWriter()
    writer.begin("auth")
    if version >= 2 { writer.key(",\"version\":2") }
    var next = State.awaitingResult
    switch secrets {
    case .none: break
    case .keys(let keys, let exporter):
      guard let proof = keys.begin() else {
        state = .over
        return [.refused(reason: "this machine gives no random numbers")]
      }
      writer.key(",\"method\":\"spake2plus\",\"share\":")
      writer.escaped(Base64.encode(proof.share))
      self.proof = proof
      self.exporter = exporter
      next = .awaitingChallenge
    case .versionOne(let keys):
      writer.key(",\"password\":")
      writer.string(String(decoding: keys.password, as: UTF8.self))
    }
    if let name = settings.name ?? (version >= 2 ? nil : settings.loginName) {
      writer.key(",\"name\":")
      writer.string(name)
    }
    if version >= 2, settings.history > 0 {
      writer.key(",\"history\":")
      writer.integer(Int64(settings.history))
    }
    writer.end()
    auth = Array(writer.bytes.dropLast())
    output.append(contentsOf: writer.bytes)
    state = next
    let bytes = early
    early = []
    var events: [Event] = []
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let line = Array(line)
      receive(line: line.span, &events)
    }
    return events
  }

  /// Checks the host's proof and gives this client's.
  private mutating func answer(_ share: String, _ confirm: String, _ events: inout [Event]) {
    guard let share = Base64.decode(share.utf8Span.span),
      let confirmation = Base64.decode(confirm.utf8Span.span),
      let confirm = proof?.confirm(
        share: share, confirmation: confirmation, exporter: exporter, hello: hello, auth: auth)
    else { return end(.unproven, &events) }
    proof = nil
    var writer = PacketWriter()
    writer.begin("auth_confirm")
    writer.key(",\"confirm\":")
    writer.escaped(Base64.encode(confirm))
    writer.end()
    output.append(contentsOf: writer.bytes)
    state = .awaitingResult
  }

  private mutating func receive(
    _ packet: HostPacket, _ line: Span<UInt8>, _ events: inout [Event]
  ) {
    switch packet {
    case .chat(let chat):
      guard let (opened, isOpen) = open(chat) else { return }
      // What does not open proves nothing: it settles no message, and hides none that comes later.
      if isOpen { settle(opened, &events) }
      guard isNew(chat.id), !isOpen || isNewFromSender(chat) else { return }
      if opened == chat {
        show(packet, line, &events)
      } else {
        events.append(.packet(.chat(opened), line: PacketWriter.opened(opened)))
      }
    case .system(let system):
      if system.event == "rename", let to = system.to, system.name == name, system.token != nil {
        name = to
      }
      guard isNew(system.id) else { return }
      if case .versionOne(let keys) = secrets, case .payload(let payload) = system.body,
        let text = Base64.decode(payload.utf8Span.span).flatMap({ keys.open($0) })
      {
        let opened = system.with(text: String(decoding: text, as: UTF8.self))
        events.append(.packet(.system(opened), line: PacketWriter.opened(opened)))
      } else {
        show(packet, line, &events)
      }
    case .ack(let n): settle({ $0.n == n }, &events)
    case .error(_, let reason, let n):
      if let message = unsettled.first(where: { $0.n == n }) {
        events.append(.undelivered(text: message.text, reason: reason))
        settle({ $0.n == message.n }, &events)
      }
      show(packet, line, &events)
    case .authResult(.accepted(let admission)):
      // The answer to an `auth` that reached the host late (section 4).
      name = admission.name
      show(packet, line, &events)
    case .count, .members: show(packet, line, &events)
    case .hello, .authChallenge, .authResult, .bye, .ping, .pong, .other: break
    }
  }

  /// A packet that came before, in what a late admission repeats, is not shown again.
  private mutating func isNew(_ id: Int64?) -> Bool {
    guard let id else { return true }
    guard id > lastID else { return false }
    lastID = id
    return true
  }

  /// A message with its text opened; one that does not open says so, and one in clear text in a
  /// secure room is shown to nobody (section 6).
  private func open(_ chat: HostPacket.Chat) -> (chat: HostPacket.Chat, isOpen: Bool)? {
    let text: [UInt8]?
    switch (secrets, chat.body) {
    case (.none, .text): return (chat, true)
    case (.none, .payload), (.keys, .text), (.versionOne, .text): return nil
    case (.keys(let keys, _), .payload(let payload)):
      guard let number = chat.number else { return nil }
      let data = SealedMessage.additionalData(
        room: room, from: chat.from, to: chat.to ?? "", number)
      text = Base64.decode(payload.utf8Span.span).flatMap { keys.open($0, additionalData: data) }
    case (.versionOne(let keys), .payload(let payload)):
      text = Base64.decode(payload.utf8Span.span).flatMap { keys.open($0) }
    }
    guard let text, UTF8Sequence.isValid(text.span) else {
      return (chat.with(text: "[a message that does not open]"), false)
    }
    return (chat.with(text: String(decoding: text, as: UTF8.self)), true)
  }

  /// In a secure room a sender's numbers only grow: what was said before is not shown again, whoever
  /// sends it.
  private mutating func isNewFromSender(_ chat: HostPacket.Chat) -> Bool {
    guard case .keys = secrets, let number = chat.number else { return true }
    if let last = shown[number.sid], number.n <= last { return false }
    // Bounded like the host's own table; to forget only means to show again.
    if shown.count >= Limits.sendersRemembered { shown.removeAll() }
    shown[number.sid] = number.n
    return true
  }

  /// Notes that a message of one's own has come back.
  private mutating func settle(_ chat: HostPacket.Chat, _ events: inout [Event]) {
    if version >= 2 {
      guard let number = chat.number, number.sid == settings.sid else { return }
      settle({ $0.n == number.n }, &events)
    } else if chat.from == name, case .text(let text) = chat.body, unsettled.first?.text == text {
      // A version 1 host's echo has no number: one's own name and the order tell (section 9).
      events.append(.settled(id: unsettled.removeFirst().n))
    }
  }

  private mutating func settle(
    _ isMeant: (Unsettled) -> Bool, _ events: inout [Event]
  ) {
    guard let index = unsettled.firstIndex(where: isMeant) else { return }
    events.append(.settled(id: unsettled.remove(at: index).n))
  }

  // MARK: What goes to the host

  package enum SayFailure: Error, Equatable, Sendable { case tooLong, blank, notSealed }

  /// Says a text to everybody. Call it once admitted.
  /// - Returns: the message's id, for ``Event/settled(id:)``.
  @discardableResult
  package mutating func say(_ text: String) throws(SayFailure) -> Int64 {
    if text.unicodeScalars.allSatisfy(\.properties.isWhitespace) { throw .blank }
    var writer = PacketWriter()
    writer.begin("chat")
    let number = MessageNumber(sid: settings.sid, n: lastNumber + 1)
    if let sealed = try seal(text, number) {
      writer.key(",\"encrypted\":true,\"payload\":")
      writer.escaped(Base64.encode(sealed))
    } else {
      writer.key(",\"encrypted\":false,\"text\":")
      writer.string(text)
    }
    if version >= 2 { writer.number(number) }
    writer.end()
    guard writer.bytes.count <= Limits.clientLine else { throw .tooLong }
    lastNumber += 1
    unsettled.append(Unsettled(n: lastNumber, text: text))
    output.append(contentsOf: writer.bytes)
    return lastNumber
  }

  /// The text sealed as this room asks for; nil where it is said in clear.
  private func seal(_ text: String, _ number: MessageNumber) throws(SayFailure) -> [UInt8]? {
    let sealed: [UInt8]?
    switch secrets {
    case .none: return nil
    case .keys(let keys, _):
      sealed = keys.seal(
        Array(text.utf8),
        additionalData: SealedMessage.additionalData(room: room, from: name, to: "", number))
    case .versionOne(let keys): sealed = keys.seal(Array(text.utf8))
    }
    guard let sealed else { throw .notSealed }
    return sealed
  }

  /// Says goodbye; nothing more is read. A version 1 host knows no such packet.
  package mutating func leave() {
    if state == .admitted, version >= 2 { output.append(contentsOf: PacketWriter.bare("bye")) }
    state = .over
  }

  // MARK: Time

  /// When ``timePassed(at:)`` has something to do, in nanoseconds of the monotonic clock; nil if
  /// never.
  package var deadline: UInt64? {
    guard state == .admitted, version >= 2 else { return nil }
    return lastHeard + (isPinged ? Limits.silenceBeforeEnd : Limits.silenceBeforePing)
  }

  package mutating func timePassed(at now: Moment) -> [Event] {
    guard let deadline, deadline <= now.monotonic else { return [] }
    if isPinged {
      state = .over
      return [.silence]
    }
    isPinged = true
    output.append(contentsOf: PacketWriter.bare("ping"))
    return []
  }
}
