/// One connection's conversation, at the host (PROTOCOL.md, sections 3 to 5, 8 and 9).
///
/// Bytes and the time go in; what the connection is to be sent waits in ``outflow``, what others are
/// to be sent comes back as deliveries. It knows nothing of sockets.
///
/// There is one of each: a copy would count a reference for each of its parts, where it is only read.
package struct HostSession: ~Copyable {
  enum State {
    /// `hello` is out: not yet anybody.
    case waiting
    /// A share came and was answered; its confirmation is awaited.
    case challenged(any AdmissionChallenge, Room.Wish, Throttle.Source)
    /// In the room.
    case member(Member)
    /// Nothing more is read.
    case over
  }

  struct Member {
    let handle: Room.Handle
    var dialect: Room.Dialect
    /// It was admitted for its silence: its first packet may still be its `auth`, its first line
    /// may still make it a text client.
    var isSilent: Bool
  }

  // What is looked at for each write stands together, at the beginning: with many connections each
  // line of the processor's cache counts.
  package var outflow: Outflow
  package internal(set) var end: End?
  var state = State.waiting
  /// To be taken after each call that changes the session.
  var news: [News] = []

  package let id: ConnectionID
  package let address: String
  let origin: Origin
  /// When admission must have ended.
  private let admissionEnd: UInt64
  /// When `hello` went out; nil while a TLS handshake goes on.
  private var begun: UInt64?
  /// The line of `hello`, without its end.
  var hello: [UInt8] = []
  /// What names this TLS connection (RFC 9266); nil in clear text.
  var exporter: [UInt8]?
  var isSecure = false
  private var lines = LineReader(limit: Limits.clientLine)
  private var form = ChatForm()
  var bucket: TokenBucket
  private var bytesBeforeAdmission = 0
  private var lastHeard: UInt64
  private var isPinged = false
  private var hasReceived = false
  private var hasShownItself = false
  var saidBye = false
  /// Bytes that came while the session was not to read on.
  var unread: [UInt8] = []
  /// Whom the first line of `unread` is for, by its join, and since when that is waited for.
  var held: (recipient: Int64, since: UInt64)?
  private var streamEnded = false

  /// What it is to get from the log file before the rest of the stream, and has not asked for.
  var older: OlderPackets?
  /// Until when nothing is read, because the client sends too fast, or to a member that is away.
  package internal(set) var pausedUntil: UInt64?

  /// A conversation that is still to ``begin(with:exporter:isSecure:at:)``.
  /// - Parameters:
  ///   - address: where the connection comes from, for people.
  ///   - origin: the same for counting guesses, and for bans.
  ///   - rate: packets a second it may send; 0 for no bound.
  ///   - admissionTime: how long its admission may take, in nanoseconds.
  ///   - views: how far its worker lets it read.
  package init(
    id: ConnectionID, from address: String, _ origin: Origin = .address([]), rate: Int,
    admissionTime: UInt64 = Limits.admissionTime, views: LogViews? = nil, at now: Moment
  ) {
    self.id = id
    outflow = Outflow(views)
    self.address = address
    self.origin = origin
    admissionEnd = now.monotonic + admissionTime
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
  @inline(__always)
  package func forEachStretch(_ body: (UnsafeRawBufferPointer) -> Bool) {
    unsafe outflow.forEachStretch(body)
  }

  /// Whether there is something to send now.
  @inline(__always)
  package var hasOutput: Bool { outflow.canSend }

  /// Whether nothing is left to send, now or once the log file has it.
  package var isFlushed: Bool { outflow.isEmpty }

  /// Whether what is to be sent next waits for the log file.
  package var isHeld: Bool { !outflow.isEmpty && !outflow.canSend }

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
    var fields = PacketFields()
    if !unread.isEmpty {
      // A peer that reset its connection is read although it is to wait: what came first goes first.
      unread.append(bytes)
      return []
    }
    while end == nil, start < bytes.count {
      // A line may have to wait itself, and what is behind it with it.
      if !unread.isEmpty || mustPause(at: now) {
        unread.append(bytes.extracting(start..<bytes.count))
        break
      }
      let before = start
      let found = lines.next(in: bytes, from: &start)
      if isWaiting {
        // All of a line that is too long counts, so that it ends alike however it was cut.
        bytesBeforeAdmission += (found == .tooLong ? bytes.count : start) - before
        if bytesBeforeAdmission > Limits.bytesBeforeAdmission {
          reject(.tooLong, "Too much before admission.", room, at: now)
          break
        }
      }
      switch found {
      case .line(let range):
        receive(line: bytes.extracting(range), using: &fields, in: room, at: now, &deliveries)
      case .joined:
        let line = lines.takeJoined()
        receive(line: line.span, using: &fields, in: room, at: now, &deliveries)
      case .needsMore:
        // A rate is of packets: a part of one costs nothing.
        if !isWaiting { bucket.giveBack() }
      case .tooLong:
        reject(.tooLong, "A line is longer than \(Limits.clientLine) bytes.", room, at: now)
      }
    }
    return deliveries
  }

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
      var fields = PacketFields()
      // A text client's last line without LF counts as said (section 8), a packet does not.
      if isText || firstByte(line.span) != UInt8(ascii: "{") {
        receive(line: line.span, using: &fields, in: room, at: now, &deliveries)
      }
    }
    leave(room, at: now)
    close(.afterSending)
    return deliveries
  }

  var isText: Bool {
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
    line: Span<UInt8>, using fields: inout PacketFields, in room: SharedRoom, at now: Moment,
    _ deliveries: inout [Delivery]
  ) {
    if let chat = form.read(line), case .member(let member) = state {
      return say(chat, line, member, in: room, at: now, &deliveries)
    }
    if isText { return receiveText(line, in: room, at: now, &deliveries) }
    guard let first = firstByte(line) else { return }
    if first != UInt8(ascii: "{"), mayBecomeText {
      show(room)
      if isHTTPRequest(line) {
        let answer = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
        news.append(.rejected(reason: "An HTTP request.", name: memberName(in: room)))
        return end(with: Array(answer.utf8), room, at: now)
      }
      becomeText(in: room, at: now)
      return receiveText(line, in: room, at: now, &deliveries)
    }
    let packet: ClientPacket
    do throws(PacketError) {
      packet = try ClientPacket(line, using: &fields)
    } catch {
      if isWaiting {
        reject(.invalidPacket, error.reason, room, at: now)
      } else {
        outflow.post(PacketWriter.error(.invalidPacket, error.reason))
      }
      return
    }
    show(room)
    switch state {
    case .waiting: receiveFirst(packet, line, in: room, at: now, &deliveries)
    case .challenged(let challenge, let wish, let source):
      receiveConfirmation(packet, line, challenge, wish, source, in: room, at: now, &deliveries)
    case .member(let member):
      receive(packet, line, from: member, in: room, at: now, &deliveries)
      if case .chat(let chat) = packet { form.learn(line, chat) }
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

  /// Says to the host's people that somebody is there, once it has shown what it is.
  mutating func show(_ room: SharedRoom) {
    guard !hasShownItself else { return }
    hasShownItself = true
    let line = Transcript.connection(from: address)
    room.withLock { $0.note(line) }
  }

  // MARK: Packets of long ago

  /// What is to be read from the log file for this connection now; nil for nothing.
  package mutating func takeWantedOlder() -> OlderPackets? {
    guard older != nil, outflow.wantsFill else { return nil }
    return older.take()
  }

  /// Takes packets that were read from the log file.
  /// - Parameter rest: those that are still missing.
  package mutating func receiveOlder(_ bytes: [UInt8], rest: OlderPackets?) {
    outflow.fill(bytes, isLast: rest == nil)
    older = rest
  }

  // MARK: Time

  /// When ``timePassed(in:at:)`` has something to do next, in nanoseconds of the monotonic clock;
  /// nil if never.
  package var deadline: UInt64? {
    if end != nil { return nil }
    switch state {
    case .waiting, .challenged:
      guard let begun else { return nil }
      return isSecure ? admissionEnd : begun + Limits.versionOneTime
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
        refuse(.unauthenticated, room, at: now)
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
