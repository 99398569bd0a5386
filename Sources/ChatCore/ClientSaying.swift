// What a client says in a room, and sends again until it is settled (PROTOCOL.md, sections 5 to 7).

extension ClientSession {
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

  mutating func send(_ events: inout [Event]) {
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
}
