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
  private var sentBytes = 0
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
  private var lastNumber: Int64 = 0
  private var lastMessage: Int64 = 0
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
  private var shown: [SenderID: Int64] = [:]

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

  // MARK: In the room

  private mutating func receive(
    _ packet: HostPacket, _ line: Span<UInt8>, _ events: inout [Event]
  ) {
    switch packet {
    case .chat(let chat):
      begin(chat.id, &events)
      receive(chat, line, &events)
      finish(chat.id, &events)
    case .system(let system):
      begin(system.id, &events)
      receive(system, line, &events)
      finish(system.id, &events)
    case .ack(let n):
      isSenderInDoubt = false
      settle({ $0.number?.n == n }, &events)
    case .error(let code, let reason, let n):
      refuse(code, reason, n, packet, line, &events)
    case .authResult(.accepted(let admission)):
      // The answer to an `auth` that reached the host late (section 4).
      name = admission.name
      token = admission.token ?? token
      show(packet, line, &events)
    case .count:
      var bytes: [UInt8] = []
      bytes.append(line)
      present(.packet(packet, line: bytes), bytes: line.count, isMessage: false, &events)
    case .members:
      questions = max(0, questions - 1)
      show(packet, line, &events)
    case .pong:
      // The first ping of a connection asks for the end of what was missed.
      if pings.first == false { endBacklog(&events) }
      if !pings.isEmpty, pings.removeFirst() { show(packet, line, &events) }
    case .hello, .authChallenge, .authResult, .bye, .ping, .other: break
    }
  }

  /// Shows an event, or holds it back with what was missed.
  private mutating func present(
    _ event: Event, bytes: Int, isMessage: Bool, _ events: inout [Event]
  ) {
    guard let backlog, !backlog.isReleased else { return events.append(event) }
    self.backlog?.hold(event, bytes: bytes, isMessage: isMessage)
    guard !backlog.hasRoom else { return }
    releaseBacklog(isAll: false, &events)
  }

  private mutating func releaseBacklog(isAll: Bool, _ events: inout [Event]) {
    guard let missed = backlog?.missed, backlog?.isReleased == false else { return }
    events.append(.reconnected(.missed(messages: missed, isAll: isAll)))
    events += takeHeld()
    backlog?.isReleased = true
  }

  /// All that was missed has come.
  mutating func endBacklog(_ events: inout [Event]) {
    releaseBacklog(isAll: true, &events)
    backlog = nil
  }

  /// A packet that came up after this client was back ends what it missed.
  private mutating func begin(_ id: Int64?, _ events: inout [Event]) {
    if let backlog, let id, id > backlog.end { endBacklog(&events) }
  }

  private mutating func finish(_ id: Int64?, _ events: inout [Event]) {
    if let backlog, let id, id >= backlog.end { endBacklog(&events) }
  }

  private mutating func receive(
    _ chat: HostPacket.Chat, _ line: Span<UInt8>, _ events: inout [Event]
  ) {
    guard let (opened, isOpen) = open(chat) else { return }
    // What does not open proves nothing: it settles no message, and hides none that comes later.
    if isOpen { settle(opened, &events) }
    guard isNew(chat.id), !isOpen || isNewFromSender(chat) else { return }
    var bytes: [UInt8] = []
    if opened == chat { bytes.append(line) } else { bytes = PacketWriter.opened(opened) }
    present(
      .packet(.chat(opened), line: bytes), bytes: bytes.count, isMessage: chat.from != name,
      &events)
  }

  private mutating func receive(
    _ system: HostPacket.System, _ line: Span<UInt8>, _ events: inout [Event]
  ) {
    if system.event == "rename", let to = system.to, system.name == name,
      let token = system.token
    {
      name = to
      wish = to
      self.token = token
      nick = nil
    }
    guard isNew(system.id) else { return }
    var shown = system
    var bytes: [UInt8] = []
    if case .versionOne(let keys) = secrets, case .payload(let payload) = system.body,
      let text = Base64.decode(payload.utf8Span.span).flatMap({ keys.open($0) })
    {
      shown = system.with(text: String(decoding: text, as: UTF8.self))
      bytes = PacketWriter.opened(shown)
    } else {
      bytes.append(line)
    }
    present(.packet(.system(shown), line: bytes), bytes: bytes.count, isMessage: false, &events)
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

  // MARK: What becomes of what was said

  /// Notes that a message of one's own has come back.
  private mutating func settle(_ chat: HostPacket.Chat, _ events: inout [Event]) {
    if version >= 2 {
      guard let number = chat.number else { return }
      if number.sid == sid { isSenderInDoubt = false }
      settle({ $0.number == number }, &events)
    } else if chat.from == name, case .text(let text) = chat.body,
      let first = unsettled.first, first.start != nil, first.text == text
    {
      // A version 1 host's echo has no number: one's own name and the order tell (section 9).
      settle({ $0.id == first.id }, &events)
    }
  }

  private mutating func settle(
    _ isMeant: (SaidMessages.Message) -> Bool, _ events: inout [Event]
  ) {
    guard let message = unsettled.remove(where: isMeant) else { return }
    events.append(.settled(id: message.id))
  }

  private mutating func refuse(
    _ code: String, _ reason: String, _ n: Int64?, _ packet: HostPacket, _ line: Span<UInt8>,
    _ events: inout [Event]
  ) {
    // Of a `sid` that has been given up there is nothing to tell.
    guard let message = unsettled.messages.first(where: { $0.number?.n == n }) else { return }
    if code == "not_allowed", isSenderInDoubt, drawSenderID() {
      // The host takes this client for another than before, whose `sid` it is (section 7).
      return
    }
    events.append(.undelivered(text: message.text, reason: reason))
    settle({ $0.id == message.id }, &events)
    show(packet, line, &events)
  }

  /// Takes another `sid`: all that is not settled is to be sent by it.
  @discardableResult
  mutating func drawSenderID() -> Bool {
    isSenderInDoubt = false
    guard let sid = settings.nextSenderID() else { return false }
    self.sid = sid
    unsettled.renumber()
    return true
  }

  // MARK: What goes to the host

  package enum SayFailure: Error, Equatable, Sendable {
    case tooLong, blank, notSealed
    /// A version 1 host knows no such packet.
    case unsupported
    /// A wish for another name is not answered yet.
    case renaming
  }

  /// Says a text, to everybody or to one member. Without a connection it waits for the next one.
  /// - Returns: the message's id, for ``Event/settled(id:)``.
  @discardableResult
  package mutating func say(_ text: String, to recipient: String? = nil) throws(SayFailure)
    -> Int64
  {
    if text.unicodeScalars.allSatisfy(\.properties.isWhitespace) { throw .blank }
    if recipient != nil, version < 2 { throw .unsupported }
    let message = SaidMessages.Message(id: lastMessage + 1, text: text, recipient: recipient)
    let number = MessageNumber(sid: sid, n: lastNumber + 1)
    let packet = try packet(for: message, number)
    lastMessage += 1
    unsettled.append(message)
    if maySend, nick == nil, unsettled.unsentCount == 1, output.count < Limits.outbox {
      post(packet, number)
    }
    return message.id
  }

  private mutating func post(_ packet: [UInt8], _ number: MessageNumber) {
    lastNumber = max(lastNumber, number.n)
    unsettled.markSent(as: number, start: sentBytes + output.count)
    output.append(contentsOf: packet)
  }

  private func packet(for message: SaidMessages.Message, _ number: MessageNumber)
    throws(SayFailure) -> [UInt8]
  {
    var writer = PacketWriter()
    writer.begin("chat")
    if let sealed = try seal(message, number) {
      writer.key(",\"encrypted\":true,\"payload\":")
      writer.escaped(Base64.encode(sealed))
    } else {
      writer.key(",\"encrypted\":false,\"text\":")
      writer.string(message.text)
    }
    if let recipient = message.recipient {
      writer.key(",\"to\":")
      writer.string(recipient)
    }
    if version >= 2 { writer.number(number) }
    writer.end()
    guard writer.bytes.count <= Limits.clientLine else { throw .tooLong }
    return writer.bytes
  }

  /// The text sealed as this room asks for; nil where it is said in clear.
  private func seal(_ message: SaidMessages.Message, _ number: MessageNumber) throws(SayFailure)
    -> [UInt8]?
  {
    let sealed: [UInt8]?
    let text = Array(message.text.utf8)
    switch secrets {
    case .none: return nil
    case .keys(let keys, _):
      sealed = keys.seal(
        text,
        additionalData: SealedMessage.additionalData(
          room: room, from: name, to: message.recipient ?? "", number))
    case .versionOne(let keys): sealed = keys.seal(text)
    }
    guard let sealed else { throw .notSealed }
    return sealed
  }

  /// Wishes another name. What is said meanwhile waits for the answer, a `rename` or an error.
  package mutating func rename(to name: String) throws(SayFailure) {
    if version < 2 { throw .unsupported }
    if nick != nil { throw .renaming }
    nick = (name, false)
    sendNick()
  }

  /// Asks who the members are.
  package mutating func askForMembers() throws(SayFailure) {
    if version < 2 { throw .unsupported }
    questions += 1
    if maySend { output.append(contentsOf: PacketWriter.bare("who")) }
  }

  /// Asks for a `pong`; one that is lost with its connection is not waited for.
  package mutating func ping() throws(SayFailure) {
    if version < 2 { throw .unsupported }
    if state == .admitted { sendPing(isAsked: true) }
  }

  mutating func sendPing(isAsked: Bool) {
    pings.append(isAsked)
    output.append(contentsOf: PacketWriter.bare("ping"))
  }

  /// Whether chats go out: what was missed may hold the echoes of some.
  private var maySend: Bool { state == .admitted && backlog == nil }

  private mutating func sendNick() {
    guard maySend, let nick, !nick.isSent else { return }
    var writer = PacketWriter()
    writer.begin("nick")
    writer.key(",\"name\":")
    writer.string(nick.name)
    writer.end()
    output.append(contentsOf: writer.bytes)
    self.nick?.isSent = true
  }

  /// Asks again what a lost connection left without an answer.
  func questionsAgain() -> [UInt8] {
    (0..<questions).flatMap { _ in PacketWriter.bare("who") }
  }

  /// Puts more of what waits into ``output``. Call it when that has been sent.
  package mutating func fill() -> [Event] {
    var events: [Event] = []
    send(&events)
    return events
  }

  private mutating func send(_ events: inout [Event]) {
    sendNick()
    while maySend, nick == nil, output.count < Limits.outbox,
      let message = unsettled.firstUnsent
    {
      let number = message.number ?? MessageNumber(sid: sid, n: lastNumber + 1)
      do throws(SayFailure) {
        post(try packet(for: message, number), number)
      } catch {
        // It fitted when it was said, but not sealed, or under a longer name.
        let reason = error == .tooLong ? "it is too long for this room" : "it cannot be sealed"
        events.append(.undelivered(text: message.text, reason: reason))
        settle({ $0.id == message.id }, &events)
      }
    }
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
