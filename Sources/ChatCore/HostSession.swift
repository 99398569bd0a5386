/// One connection's conversation, at the host (PROTOCOL.md, sections 3 to 5, 8 and 9).
///
/// Bytes and the time go in; what the connection is to be sent waits in ``outflow``, what others are
/// to be sent comes back as deliveries. It knows nothing of sockets.
package struct HostSession {
  private enum State {
    /// `hello` is out: not yet anybody.
    case waiting
    /// A share came and was answered; its confirmation is awaited.
    case challenged(any AdmissionChallenge, Room.Wish, Throttle.Source)
    /// In the room.
    case member(Member)
    /// Nothing more is read.
    case over
  }

  private struct Member {
    let handle: Room.Handle
    var dialect: Room.Dialect
    /// It was admitted for its silence: its first packet may still be its `auth`, its first line
    /// may still make it a text client.
    var isSilent: Bool
  }

  /// How a connection ends.
  package enum End: Equatable, Sendable {
    /// Once all that waits has been sent.
    case afterSending
    /// At once, without a word.
    case now
  }

  package let id: ConnectionID
  private let address: String
  private let source: Throttle.Source
  private let accepted: UInt64
  /// When `hello` went out; nil while a TLS handshake goes on.
  private var begun: UInt64?
  /// The line of `hello`, without its end.
  private var hello: [UInt8] = []
  /// What names this TLS connection (RFC 9266); nil in clear text.
  private var exporter: [UInt8]?
  private var isSecure = false
  private var state = State.waiting
  private var lines = LineReader(limit: Limits.clientLine)
  private var bucket: TokenBucket
  private var bytesBeforeAdmission = 0
  private var lastHeard: UInt64
  private var isPinged = false
  private var hasReceived = false
  private var hasShownItself = false
  private var saidBye = false
  /// Bytes that came while the session was not to read on.
  private var unread: [UInt8] = []
  private var streamEnded = false

  package var outflow = Outflow()
  package private(set) var end: End?
  /// Until when nothing is read, because the client sends too fast.
  package private(set) var pausedUntil: UInt64?

  /// A conversation that is still to ``begin(with:exporter:isSecure:at:)``.
  /// - Parameters:
  ///   - address: where the connection comes from, for people.
  ///   - source: the same for counting guesses.
  ///   - rate: packets a second it may send; 0 for no bound.
  package init(
    id: ConnectionID, from address: String, source: Throttle.Source = .address([]), rate: Int,
    at now: Moment
  ) {
    self.id = id
    self.address = address
    self.source = source
    accepted = now.monotonic
    lastHeard = now.monotonic
    bucket = TokenBucket(rate: rate)
  }

  /// A conversation in clear text: `hello` waits to be sent.
  package init(
    id: ConnectionID, from address: String, hello: [UInt8], rate: Int, at now: Moment
  ) {
    self.init(id: id, from: address, rate: rate, at: now)
    begin(with: hello, at: now)
  }

  /// The transport stands: `hello` waits to be sent.
  /// - Parameters:
  ///   - exporter: 32 bytes that name this TLS connection; nil in clear text.
  ///   - isSecure: whether the room takes only those who know its password.
  package mutating func begin(
    with hello: [UInt8], exporter: [UInt8]? = nil, isSecure: Bool = false, at now: Moment
  ) {
    begun = now.monotonic
    lastHeard = now.monotonic
    self.hello = isSecure ? Array(hello.dropLast()) : []
    self.exporter = exporter
    self.isSecure = isSecure
    outflow.post(hello)
  }

  /// Says one last thing instead of beginning, and ends.
  package mutating func turnAway(with packet: [UInt8]) {
    outflow.post(packet)
    saidBye = true
    close(.afterSending)
  }

  /// Whether it waits for admission.
  package var isWaiting: Bool {
    switch state {
    case .waiting, .challenged: true
    case .member, .over: false
    }
  }

  /// Whether bytes may be read for it now.
  package var wantsBytes: Bool { end == nil && !streamEnded && unread.isEmpty && !isFull }

  /// Whether ``resume(in:at:)`` would read on.
  package func canResume(at now: UInt64) -> Bool {
    !unread.isEmpty && !isFull && (pausedUntil ?? 0) <= now
  }

  /// It is sent more than it takes: no more questions until it does.
  private var isFull: Bool { outflow.ownBytes > Limits.outbox }

  /// Hands out what is to be sent, see ``Outflow/forEachStretch(_:)``.
  ///
  /// Mutating, although it changes nothing, so that a session stored in an object is used where it is:
  /// reading it out would copy it, with a reference count for each of its parts.
  @inline(__always)
  package mutating func forEachStretch(_ body: (UnsafeRawBufferPointer) -> Bool) {
    unsafe outflow.forEachStretch(body)
  }

  /// Whether something waits to be sent. Mutating for the same reason.
  @inline(__always)
  package var hasOutput: Bool {
    mutating get { !outflow.isEmpty }
  }

  /// Notes that `count` bytes have been sent.
  @inline(__always)
  package mutating func sent(_ count: Int) { outflow.advance(by: count) }

  // MARK: What comes in

  /// Takes bytes that came, and returns what they mean for other connections.
  package mutating func receive(_ bytes: Span<UInt8>, in room: SharedRoom, at now: Moment)
    -> [Delivery]
  {
    lastHeard = now.monotonic
    isPinged = false
    var deliveries: [Delivery] = []
    var start = 0
    if !hasReceived, exporter == nil, bytes.count > 0, bytes[0] == 0x16 {
      // A TLS handshake: this room has none, and the client finds that out by itself (section 2).
      saidBye = true
      disconnect(in: room, at: now)
      return []
    }
    hasReceived = true
    if !unread.isEmpty {
      // A peer that reset its connection is read although it is to wait: what came first goes first.
      unread.append(bytes)
      return []
    }
    while end == nil, start < bytes.count {
      if mustPause(at: now) {
        unread.append(bytes.extracting(start..<bytes.count))
        break
      }
      let before = start
      let found = lines.next(in: bytes, from: &start)
      if isWaiting {
        // All of a line that is too long counts, so that it ends alike however it was cut.
        bytesBeforeAdmission += (found == .tooLong ? bytes.count : start) - before
        if bytesBeforeAdmission > Limits.bytesBeforeAdmission {
          refuse(PacketWriter.error(.tooLong, "Too much before admission."), room, at: now)
          break
        }
      }
      switch found {
      case .line(let range):
        receive(line: bytes.extracting(range), in: room, at: now, &deliveries)
      case .joined:
        let line = lines.takeJoined()
        receive(line: line.span, in: room, at: now, &deliveries)
      case .needsMore:
        // A rate is of packets: a part of one costs nothing.
        if !isWaiting { bucket.giveBack() }
      case .tooLong:
        refuse(PacketWriter.error(.tooLong, tooLong), room, at: now)
      }
    }
    return deliveries
  }

  private var tooLong: String { "A line is longer than \(Limits.clientLine) bytes." }

  /// Takes what had to wait. Call it when ``pausedUntil`` has come or ``outflow`` has been sent.
  package mutating func resume(in room: SharedRoom, at now: Moment) -> [Delivery] {
    guard !unread.isEmpty, end == nil else { return [] }
    pausedUntil = nil
    let bytes = unread
    unread = []
    var deliveries = receive(bytes.span, in: room, at: now)
    if unread.isEmpty, streamEnded { deliveries += finish(in: room, at: now) }
    return deliveries
  }

  /// The stream of the client is over; what it said before still counts.
  package mutating func receiveEnd(in room: SharedRoom, at now: Moment) -> [Delivery] {
    guard !streamEnded, end == nil else { return [] }
    streamEnded = true
    return unread.isEmpty ? finish(in: room, at: now) : []
  }

  private mutating func finish(in room: SharedRoom, at now: Moment) -> [Delivery] {
    var deliveries: [Delivery] = []
    if lines.hasUnfinished, isText || mayBecomeText {
      let line = lines.takeUnfinished()
      // A text client's last line without LF counts as said (section 8), a packet does not.
      if isText || firstByte(line.span) != UInt8(ascii: "{") {
        receive(line: line.span, in: room, at: now, &deliveries)
      }
    }
    leave(room, at: now)
    close(.afterSending)
    return deliveries
  }

  /// The connection broke, or its end has come: the member goes, or keeps its place for a while.
  package mutating func disconnect(in room: SharedRoom, at now: Moment) {
    leave(room, at: now)
    close(.now)
  }

  private mutating func leave(_ room: SharedRoom, at now: Moment) {
    if case .member(let member) = state {
      let id = id
      let keepsPlace = member.dialect == .packets && !saidBye
      room.withLock { $0.disconnect(member.handle, id, keepsPlace: keepsPlace, at: now) }
    }
    state = .over
  }

  private var isText: Bool {
    if case .member(let member) = state { member.dialect == .text } else { false }
  }

  private var mayBecomeText: Bool {
    switch state {
    case .waiting: !isSecure
    case .member(let member): member.isSilent
    case .challenged, .over: false
    }
  }

  /// Whether reading stops here: the client sends faster than it may, or asks for more than it
  /// takes.
  private mutating func mustPause(at now: Moment) -> Bool {
    guard case .member = state else { return false }
    if isFull { return true }
    if bucket.take(at: now.monotonic) { return false }
    pausedUntil = bucket.nextToken
    return true
  }

  private mutating func receive(
    line: Span<UInt8>, in room: SharedRoom, at now: Moment, _ deliveries: inout [Delivery]
  ) {
    if isText { return receiveText(line, in: room, at: now, &deliveries) }
    guard let first = firstByte(line) else { return }
    if first != UInt8(ascii: "{"), mayBecomeText {
      show(room)
      if isHTTPRequest(line) {
        let answer = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
        return refuse(Array(answer.utf8), room, at: now)
      }
      becomeText(in: room, at: now)
      return receiveText(line, in: room, at: now, &deliveries)
    }
    let packet: ClientPacket
    do throws(PacketError) {
      packet = try ClientPacket(line)
    } catch {
      let answer = PacketWriter.error(.invalidPacket, error.reason)
      if isWaiting { refuse(answer, room, at: now) } else { outflow.post(answer) }
      return
    }
    show(room)
    switch state {
    case .waiting: receiveFirst(packet, line, in: room, at: now, &deliveries)
    case .challenged(let challenge, let wish, let source):
      receiveConfirmation(packet, line, challenge, wish, source, in: room, at: now, &deliveries)
    case .member(let member): receive(packet, line, from: member, in: room, at: now, &deliveries)
    case .over: break
    }
  }

  /// The first byte of a line that is not white space.
  private func firstByte(_ line: Span<UInt8>) -> UInt8? {
    for index in line.indices {
      switch line[index] {
      case 0x20, 0x09, 0x0D: continue
      case let byte: return byte
      }
    }
    return nil
  }

  /// `METHOD TARGET HTTP/1.1` (RFC 9112, section 3)
  private func isHTTPRequest(_ line: Span<UInt8>) -> Bool {
    var bytes: [UInt8] = []
    // All of it: one admitted for its silence may send a long line, and the version stands last.
    bytes.append(line)
    let words = bytes.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
    guard let method = words.first, let version = words.last, words.count >= 2 else { return false }
    return version.hasPrefix("HTTP/") && method.utf8.allSatisfy { 0x41...0x5A ~= $0 }
  }

  // MARK: Admission

  private mutating func receiveFirst(
    _ packet: ClientPacket, _ line: Span<UInt8>, in room: SharedRoom, at now: Moment,
    _ deliveries: inout [Delivery]
  ) {
    switch packet {
    case .auth(let auth) where isSecure:
      authenticate(auth, line, in: room, at: now, &deliveries)
    case .auth(let auth):
      admit(
        wish(auth, line), as: auth.version >= 2 ? .packets : .versionOne, in: room, at: now,
        &deliveries)
    case .ping: outflow.post(PacketWriter.bare("pong"))
    case .pong, .other: break
    case .bye: close(.afterSending)
    case .chat, .nick, .who, .authConfirm:
      refuse(PacketWriter.authResult(refused: required), room, at: now)
    }
  }

  /// Takes a share, or with `--compat` a password (sections 4 and 9).
  private mutating func authenticate(
    _ auth: ClientPacket.Auth, _ line: Span<UInt8>, in room: SharedRoom, at now: Moment,
    _ deliveries: inout [Delivery]
  ) {
    let wish = wish(auth, line)
    let method = auth.method.map { JSONText.text($0, in: line) }
    guard let keys = room.settings.keys, let exporter else {
      return refuse(PacketWriter.authResult(refused: required), room, at: now)
    }
    let share = auth.version >= 2 && method == "spake2plus" ? auth.share : nil
    guard share != nil || (keys.versionOne != nil && auth.password != nil) else {
      return refuse(PacketWriter.authResult(refused: required), room, at: now)
    }
    let member = room.withLock { $0.joinID(in: wish) }
    let source = member.map { Throttle.Source.member($0) } ?? source
    guard room.charge(source, at: now) else {
      let reason = "Too many attempts. Try again later."
      return refuse(PacketWriter.authResult(refused: reason), room, at: now)
    }
    if let share {
      var raw: [UInt8] = []
      raw.append(line)
      let bytes = JSONText.unescapedBytes(share, in: line)
      guard let share = Base64.decode(bytes.span),
        let challenge = keys.challenge(share: share, exporter: exporter, hello: hello, auth: raw)
      else { return refuse(PacketWriter.authResult(refused: wrong), room, at: now) }
      outflow.post(PacketWriter.authChallenge(challenge))
      state = .challenged(challenge, wish, source)
    } else if let password = auth.password, let versionOne = keys.versionOne {
      guard versionOne.isPassword(JSONText.unescapedBytes(password, in: line)) else {
        return refuse(PacketWriter.authResult(refused: wrong), room, at: now)
      }
      room.giveBack(source)
      admit(wish, as: .versionOne, in: room, at: now, &deliveries)
    }
  }

  private var required: String { "Authentication required." }
  private var wrong: String { "Wrong password." }

  private mutating func receiveConfirmation(
    _ packet: ClientPacket, _ line: Span<UInt8>, _ challenge: any AdmissionChallenge,
    _ wish: Room.Wish, _ source: Throttle.Source, in room: SharedRoom, at now: Moment,
    _ deliveries: inout [Delivery]
  ) {
    switch packet {
    case .authConfirm(let confirm):
      let bytes = JSONText.unescapedBytes(confirm, in: line)
      guard let confirmation = Base64.decode(bytes.span), challenge.accepts(confirmation) else {
        return refuse(PacketWriter.authResult(refused: wrong), room, at: now)
      }
      // Who could make this knew the password: it was no guess.
      room.giveBack(source)
      admit(wish, as: .packets, in: room, at: now, &deliveries)
    case .ping: outflow.post(PacketWriter.bare("pong"))
    case .pong, .other: break
    case .bye: close(.afterSending)
    case .auth, .chat, .nick, .who:
      refuse(PacketWriter.authResult(refused: required), room, at: now)
    }
  }

  private func wish(_ auth: ClientPacket.Auth, _ line: Span<UInt8>) -> Room.Wish {
    var wish = Room.Wish(name: auth.name.map { JSONText.text($0, in: line) })
    guard auth.version >= 2 else { return wish }
    wish.history = auth.history
    wish.room = auth.room.map { JSONText.text($0, in: line) }
    wish.since = auth.since
    wish.token = auth.token.map { JSONText.unescapedBytes($0, in: line) }
    return wish
  }

  private mutating func admit(
    _ wish: Room.Wish, as dialect: Room.Dialect, in room: SharedRoom, at now: Moment,
    isSilent: Bool = false, _ deliveries: inout [Delivery]
  ) {
    let (id, address) = (id, address)
    do throws(Room.Refusal) {
      let admission = try room.withLock { room throws(Room.Refusal) in
        try room.admit(wish, as: dialect, id, from: address, at: now)
      }
      enter(admission)
      state = .member(Member(handle: admission.handle, dialect: dialect, isSilent: isSilent))
      if let takenOver = admission.takenOver { deliveries.append(takenOver) }
    } catch {
      refuse(PacketWriter.authResult(refused: error.reason), room, at: now)
    }
  }

  private mutating func enter(_ admission: Room.Admission) {
    outflow.follow(admission.cursor, of: admission.publication)
    if !admission.result.isEmpty {
      outflow.post(admission.result, after: admission.cursor.position)
    }
  }

  /// A late `auth` of a member that was admitted for its silence.
  private mutating func upgrade(
    _ member: Member, to wish: Room.Wish, in room: SharedRoom, at now: Moment,
    _ deliveries: inout [Delivery]
  ) {
    do throws(Room.Refusal) {
      let admission = try room.withLock { room throws(Room.Refusal) in
        try room.upgrade(member.handle, to: wish, at: now)
      }
      if outflow.position <= admission.cursor.position {
        // What was said since its silent admission, and not sent yet, comes first.
        outflow.post(admission.result, after: admission.cursor.position)
      } else {
        enter(admission)
      }
      state = .member(Member(handle: admission.handle, dialect: .packets, isSilent: false))
      if let takenOver = admission.takenOver { deliveries.append(takenOver) }
    } catch {
      refuse(PacketWriter.authResult(refused: error.reason), room, at: now)
    }
  }

  private mutating func becomeText(in room: SharedRoom, at now: Moment) {
    switch state {
    case .waiting:
      var nobody: [Delivery] = []
      admit(Room.Wish(), as: .text, in: room, at: now, &nobody)
    case .member(let member):
      let handle = member.handle
      if let text = room.withLock({ $0.becomeText(handle) }) {
        outflow.follow(text.cursor, of: text.publication, after: text.after)
      }
      state = .member(Member(handle: handle, dialect: .text, isSilent: false))
    case .over, .challenged: break
    }
  }

  /// Says to the host's people that somebody is there, once it has shown what it is.
  private mutating func show(_ room: SharedRoom) {
    guard !hasShownItself else { return }
    hasShownItself = true
    let line = Transcript.connection(from: address)
    room.withLock { $0.note(line) }
  }

  /// Sends a last answer and ends; a member is gone at once.
  private mutating func refuse(_ answer: [UInt8], _ room: SharedRoom, at now: Moment) {
    outflow.post(answer)
    saidBye = true
    close(.afterSending)
    leave(room, at: now)
  }

  private mutating func close(_ how: End) {
    guard end != .now else { return }
    if end == nil { outflow.close() }
    end = how
    unread = []
    pausedUntil = nil
  }

  /// The host ends this connection.
  package mutating func bid(_ farewell: Farewell, in room: SharedRoom, at now: Moment) {
    guard end == nil else { return }
    let word =
      isText
      ? Array((Transcript.bye(farewell.reason) + "\n").utf8) : PacketWriter.bye(farewell)
    if farewell == .tooSlow { outflow.cut(with: word) } else { outflow.post(word) }
    saidBye = true
    // The bye is the last packet: not even its own leave comes behind it.
    close(.afterSending)
    // A room that closes needs no word of each who leaves it.
    if farewell == .shutdown { state = .over } else { leave(room, at: now) }
  }

  // MARK: Members

  private mutating func receive(
    _ packet: ClientPacket, _ line: Span<UInt8>, from member: Member, in room: SharedRoom,
    at now: Moment, _ deliveries: inout [Delivery]
  ) {
    if member.isSilent {
      state = .member(Member(handle: member.handle, dialect: member.dialect, isSilent: false))
    }
    switch packet {
    case .chat(let chat): say(chat, line, member, in: room, at: now, &deliveries)
    case .auth(let auth):
      if member.isSilent, auth.version >= 2 {
        upgrade(member, to: wish(auth, line), in: room, at: now, &deliveries)
      } else if member.dialect == .versionOne, let name = auth.name {
        rename(member, JSONText.text(name, in: line), in: room, at: now)
      } else {
        outflow.post(PacketWriter.error(.notAllowed, "You are in the room already."))
      }
    case .nick(let name): rename(member, JSONText.text(name, in: line), in: room, at: now)
    case .who:
      let (names, total) = room.withLock { ($0.names(), $0.memberCount) }
      outflow.post(members(names, total: total))
    case .ping: outflow.post(PacketWriter.bare("pong"))
    case .bye:
      saidBye = true
      leave(room, at: now)
      close(.afterSending)
    case .authConfirm: outflow.post(PacketWriter.error(.notAllowed, "Nothing to confirm."))
    case .pong, .other: break
    }
  }

  private func members(_ names: [String], total: Int) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("members")
    writer.key(",\"total\":")
    writer.integer(Int64(total))
    writer.key(",\"names\":[")
    for (index, name) in names.enumerated() {
      if index > 0 { writer.key(",") }
      writer.string(name)
    }
    writer.key("]")
    writer.end()
    return writer.bytes
  }

  private mutating func say(
    _ chat: ClientPacket.Chat, _ line: Span<UInt8>, _ member: Member, in room: SharedRoom,
    at now: Moment, _ deliveries: inout [Delivery]
  ) {
    let n = chat.number?.n
    let body: JSONString
    var opened: [UInt8]?
    switch chat.body {
    case .text(let text):
      guard !isSecure else {
        outflow.post(PacketWriter.error(.invalidPacket, "Messages are sealed here.", n: n))
        return
      }
      body = text
    case .payload(let payload):
      guard isSecure else {
        outflow.post(
          PacketWriter.error(.invalidPacket, "This room does not take sealed messages.", n: n))
        return
      }
      guard member.dialect == .versionOne || chat.number != nil else {
        outflow.post(PacketWriter.error(.invalidPacket, PacketError.missing(.sid).reason))
        return
      }
      opened = open(payload, chat, line, member, in: room)
      guard opened != nil else {
        outflow.post(PacketWriter.error(.decryptFailed, "The message does not open.", n: n))
        return
      }
      body = payload
    }
    if opened.map({ JSONText.isBlank($0) }) ?? JSONText.isBlank(body, in: line) {
      if let n { outflow.post(PacketWriter.ack(n: n)) }
      return
    }
    do throws(Room.SayFailure) {
      if member.dialect == .versionOne, let opened {
        try room.withLock { room throws(Room.SayFailure) in
          try room.sayAnew(opened, from: member.handle, at: now)
        }
      } else if let to = chat.to {
        let said = try room.withLock { room throws(Room.SayFailure) in
          try room.say(
            body, in: line, opened: opened, number: chat.number, from: member.handle, to: to,
            at: now)
        }
        for delivery in said { take(delivery, &deliveries) }
      } else {
        try room.withLock { room throws(Room.SayFailure) in
          try room.say(
            body, in: line, opened: opened, number: chat.number, from: member.handle, at: now)
        }
      }
    } catch {
      answer(error, n: n)
    }
  }

  /// The text of a sealed message; nil if it does not open, or is not UTF-8.
  private func open(
    _ payload: JSONString, _ chat: ClientPacket.Chat, _ line: Span<UInt8>, _ member: Member,
    in room: SharedRoom
  ) -> [UInt8]? {
    let base64 = JSONText.unescapedBytes(payload, in: line)
    guard let keys = room.settings.keys, let sealed = Base64.decode(base64.span) else { return nil }
    let text: [UInt8]?
    if member.dialect == .versionOne {
      text = keys.versionOne?.open(sealed)
    } else {
      guard let number = chat.number, let name = room.withLock({ $0.name(of: member.handle) })
      else { return nil }
      let recipient = chat.to.map { JSONText.text($0, in: line) } ?? ""
      text = keys.open(
        sealed,
        additionalData: SealedMessage.additionalData(
          room: room.settings.id, from: name, to: recipient, number))
    }
    guard let text, UTF8Sequence.isValid(text.span) else { return nil }
    return text
  }

  /// A delivery to this connection itself needs no detour.
  private mutating func take(_ delivery: Delivery, _ deliveries: inout [Delivery]) {
    if delivery.connection == id, case .packet(let bytes, let after) = delivery.content {
      outflow.post(bytes, after: after)
    } else {
      deliveries.append(delivery)
    }
  }

  private mutating func answer(_ failure: Room.SayFailure, n: Int64?) {
    switch failure {
    case .repeated:
      if let n { outflow.post(PacketWriter.ack(n: n)) }
    case .foreignSender:
      outflow.post(PacketWriter.error(.notAllowed, "This sid belongs to another member.", n: n))
    case .tooLong:
      outflow.post(PacketWriter.error(.tooLong, "The message is too long.", n: n))
    case .noSuchMember:
      outflow.post(PacketWriter.error(.noSuchMember, "Nobody here has that name.", n: n))
    case .notSealed:
      outflow.post(PacketWriter.error(.decryptFailed, "The host cannot seal it.", n: n))
    case .notAMember: break
    }
  }

  private mutating func rename(
    _ member: Member, _ name: String, in room: SharedRoom, at now: Moment
  ) {
    do throws(Room.RenameFailure) {
      let own = try room.withLock { room throws(Room.RenameFailure) in
        try room.rename(member.handle, to: name, at: now)
      }
      if let own { outflow.post(own.packet, after: own.after, replacing: own.replacing) }
    } catch {
      let reason =
        switch error {
        case .invalid: "Invalid name."
        case .reserved: "That name is the host's to give."
        case .unchanged: "That is your name already."
        case .notAMember: "You are not in the room."
        }
      if member.dialect == .text {
        outflow.post(Array((Transcript.error(reason) + "\n").utf8))
      } else {
        outflow.post(PacketWriter.error(.invalidName, reason))
      }
    }
  }

  // MARK: Text clients

  private mutating func receiveText(
    _ line: Span<UInt8>, in room: SharedRoom, at now: Moment, _ deliveries: inout [Delivery]
  ) {
    guard case .member(let member) = state else { return }
    guard UTF8Sequence.isValid(line) else {
      outflow.post(Array((Transcript.error("That line is not valid UTF-8.") + "\n").utf8))
      return
    }
    guard line.count > 0, line[0] == UInt8(ascii: "/") else {
      return sayText(line, member, in: room, at: now)
    }
    if line.count > 1, line[1] == UInt8(ascii: "/") {
      return sayText(line.extracting(droppingFirst: 1), member, in: room, at: now)
    }
    var bytes: [UInt8] = []
    bytes.append(line)
    let words = String(decoding: bytes, as: UTF8.self).split(
      separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
    switch (words.first, words.count) {
    case ("/quit", 1):
      saidBye = true
      leave(room, at: now)
      close(.afterSending)
    case ("/who", 1):
      let (names, total) = room.withLock { ($0.names(), $0.memberCount) }
      outflow.post(Array((Transcript.members(names, total: total) + "\n").utf8))
    case ("/nick", 2): rename(member, String(words[1]), in: room, at: now)
    default:
      let help = "Commands: /nick NAME, /who, /quit; //text says /text."
      outflow.post(Array((Transcript.error(help) + "\n").utf8))
    }
  }

  private mutating func sayText(
    _ text: Span<UInt8>, _ member: Member, in room: SharedRoom, at now: Moment
  ) {
    var escaped: [UInt8] = []
    JSONText.appendEscaped(text, to: &escaped)
    let whole = JSONString(
      start: 0, end: Int32(escaped.count), hasEscapes: escaped.contains(UInt8(ascii: "\\")))
    guard !JSONText.isBlank(whole, in: escaped.span) else { return }
    do throws(Room.SayFailure) {
      try room.withLock { room throws(Room.SayFailure) in
        try room.say(whole, in: escaped.span, number: nil, from: member.handle, at: now)
      }
    } catch {
      if error == .tooLong {
        outflow.post(Array((Transcript.error("That line is too long.") + "\n").utf8))
      }
    }
  }

  // MARK: Time

  /// When ``timePassed(in:at:)`` has something to do next, in nanoseconds of the monotonic clock;
  /// nil if never.
  package var deadline: UInt64? {
    if end != nil { return nil }
    switch state {
    case .waiting, .challenged:
      guard let begun else { return nil }
      return isSecure ? accepted + Limits.admissionTime : begun + Limits.versionOneTime
    case .member(let member):
      var next = pausedUntil
      if member.dialect == .packets {
        let silence = lastHeard + (isPinged ? Limits.silenceBeforeEnd : Limits.silenceBeforePing)
        next = min(next ?? .max, silence)
      }
      return next
    case .over: return nil
    }
  }

  /// Does what the passing of time asks for.
  package mutating func timePassed(in room: SharedRoom, at now: Moment) -> [Delivery] {
    guard let deadline, deadline <= now.monotonic else { return [] }
    var deliveries: [Delivery] = []
    switch state {
    case .waiting, .challenged:
      guard !isSecure else {
        refuse(PacketWriter.authResult(refused: required), room, at: now)
        break
      }
      show(room)
      admit(Room.Wish(), as: .versionOne, in: room, at: now, isSilent: true, &deliveries)
    case .member(let member):
      if let pausedUntil, pausedUntil <= now.monotonic {
        deliveries = resume(in: room, at: now)
      }
      guard member.dialect == .packets, end == nil else { break }
      if now.monotonic >= lastHeard + Limits.silenceBeforeEnd {
        bid(.timeout, in: room, at: now)
      } else if !isPinged, now.monotonic >= lastHeard + Limits.silenceBeforePing {
        isPinged = true
        outflow.post(PacketWriter.bare("ping"))
      }
    case .over: break
    }
    return deliveries
  }
}
