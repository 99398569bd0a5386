// What a client makes of a room's packets (PROTOCOL.md, sections 5 to 7).

extension ClientSession {
  mutating func receive(
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

  mutating func settle(
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
}
