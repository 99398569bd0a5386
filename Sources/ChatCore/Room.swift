/// Who is in the room and what has been said: everything that connections share.
///
/// It knows nothing of sockets, threads or clocks; its owner keeps it under one lock
/// (``SharedRoom``).
package struct Room {
  package struct Settings: Sendable {
    /// 32 hexadecimal digits that name this stream.
    package var id: String
    /// Past packets kept for those who join or come again.
    package var history = Limits.history
    /// What was made of the room's password; nil for a room without one.
    package var keys: (any RoomKeys)?
    /// The id that the host numbers its own sealed messages by.
    package var sid: SenderID?
    /// Members at a time.
    package var maxMembers = Int.max
    package var tokenKey: TokenKey

    package init(id: String, tokenKey: TokenKey) {
      self.id = id
      self.tokenKey = tokenKey
    }
  }

  /// How a member's connection speaks.
  package enum Dialect: Equatable, Sendable {
    /// Version 2.
    case packets
    /// Version 1: the same packets, and it answers no ping.
    case versionOne
    /// Lines instead of packets.
    case text
  }

  /// A member, as its session knows it.
  package struct Handle: Equatable, Sendable {
    let index: Int
    /// The id of its join: what a token and a `sid` belong to.
    let joinID: Int64
  }

  struct Member {
    var name: Name
    let joinID: Int64
    /// Where it came from, for people.
    var address: String
    var origin: Origin
    /// When it came, in milliseconds since the Unix epoch.
    let since: Int64
    var dialect: Dialect
    /// Nil while its connection is lost and its place is kept.
    var connection: ConnectionID?
    /// False where nothing reaches it any more, although not all that it said has been read yet.
    var isReachable = true
  }

  package let settings: Settings
  var stream: RoomStream
  package var log: RoomLog { stream.packets }
  package var lastID: Int64 { stream.lastID }
  /// Messages to everybody so far.
  package var messageCount: Int64 { stream.messageCount }
  /// Messages to one member so far.
  package private(set) var privateMessageCount: Int64 = 0
  var members: [Member?] = []
  var freeIndices: [Int] = []
  var indicesByName: [String: Int] = [:]
  var indicesByJoinID: [Int64: Int] = [:]
  package internal(set) var memberCount = 0
  var lastNumber = 0
  package internal(set) var bans: [OriginBlock] = []
  var lost: [(deadline: UInt64, handle: Handle)] = []
  var announcements = Announcements()
  var senders = SenderTable()
  /// The last of the host's own numbers for sealed messages.
  var hostNumber: Int64 = 0
  /// With a log file, the id from which on it has every packet.
  var wholeFrom: Int64?

  package init(_ settings: Settings) {
    self.init(settings, stream: RoomStream(settings))
  }

  init(_ settings: Settings, stream: RoomStream) {
    self.settings = settings
    self.stream = stream
  }

  /// Makes a member read lines instead of packets from now on.
  package mutating func becomeText(_ handle: Handle)
    -> (cursor: LogCursor, publication: LogPublication, after: LogPosition)?
  {
    guard member(handle) != nil else { return nil }
    guard let (cursor, publication) = stream.follow(as: .text) else { return nil }
    members[handle.index]?.dialect = .text
    return (cursor, publication, log.end)
  }

  // MARK: Going

  /// A member's connection is over.
  /// - Parameter keepsPlace: whether the member keeps its place for a while, in case it comes again.
  package mutating func disconnect(
    _ handle: Handle, _ connection: ConnectionID, keepsPlace: Bool, at now: Moment
  ) {
    advance(to: now)
    guard let member = member(handle), member.connection == connection else { return }
    stream.unfollow(as: member.dialect)
    if keepsPlace {
      members[handle.index]?.connection = nil
      members[handle.index]?.dialect = .packets
      lost.append((now.monotonic + Limits.lostMemberGrace, handle))
    } else {
      leave(handle, at: now)
    }
  }

  /// Nothing reaches a member by this connection any more.
  package mutating func noteUnreachable(_ handle: Handle, _ connection: ConnectionID) {
    guard let member = member(handle), member.connection == connection else { return }
    members[handle.index]?.isReachable = false
  }

  private mutating func leave(_ handle: Handle, at now: Moment) {
    guard let member = member(handle) else { return }
    remove(handle)
    guard announcements.announce(.leave, at: now.monotonic) else { return }
    stream.lastID += 1
    stream.appendSystem(
      "leave", member.name, text: Transcript.left(member.name.text), id: lastID, at: now)
    stream.appendCount(memberCount)
  }

  mutating func remove(_ handle: Handle) {
    guard let member = member(handle) else { return }
    members[handle.index] = nil
    freeIndices.append(handle.index)
    indicesByName[member.name.folded] = nil
    indicesByJoinID[member.joinID] = nil
    memberCount -= 1
    stream.note(.left(join: member.joinID))
  }

  /// When ``advance(to:)`` has something to do, in nanoseconds of the monotonic clock; nil if
  /// nothing waits for time to pass.
  package var deadline: UInt64? {
    switch (announcements.deadline, lost.first?.deadline) {
    case (let notice?, let leave?): min(notice, leave)
    case (let notice, let leave): notice ?? leave
    }
  }

  /// Does what the passing of time asks for: lost members leave, folded notices are given.
  package mutating func advance(to now: Moment) {
    if let first = lost.first, first.deadline <= now.monotonic {
      let due = lost.prefix { $0.deadline <= now.monotonic }.count
      let leaving = lost[..<due]
      lost.removeFirst(due)
      for entry in leaving where isStillLost(entry.handle, since: entry.deadline) {
        leave(entry.handle, at: now)
      }
    }
    if let folded = announcements.takeFolded(at: now.monotonic) {
      stream.lastID += 1
      stream.appendSystem(
        "notice", nil, text: Transcript.folded(joins: folded.joins, leaves: folded.leaves),
        id: lastID, at: now)
      stream.appendCount(memberCount)
    }
  }

  /// Whether a lost member did not come again; one that came and was lost again has a later entry.
  private func isStillLost(_ handle: Handle, since deadline: UInt64) -> Bool {
    guard let member = member(handle), member.connection == nil else { return false }
    return !lost.contains { $0.handle == handle }
  }

  // MARK: Talking

  package enum SayFailure: Error, Equatable, Sendable {
    case notAMember, repeated, foreignSender, tooLong, noSuchMember
    /// The connection of the member with this join is lost, and its place is kept for a while.
    case recipientIsAway(joinID: Int64)
    /// The machine gives no randomness.
    case notSealed
  }

  /// Says what stands escaped in `line`, to everybody.
  /// - Parameter opened: the text, if `body` is the payload it was sealed into.
  package mutating func say(
    _ body: JSONString, in line: Span<UInt8>, opened: [UInt8]? = nil, number: MessageNumber?,
    from handle: Handle, at now: Moment
  ) throws(SayFailure) {
    guard let name = memberName(handle) else { throw .notAMember }
    if let number { try check(number, handle) }
    try append(name, line.extracting(body.range), content(body, opened), number, at: now)
    if let number { senders.note(number, owner: handle.joinID) }
  }

  private func content(_ body: JSONString, _ opened: [UInt8]?) -> RoomStream.Content {
    opened.map { .sealed(opened: $0) } ?? .text(hasEscapes: body.hasEscapes)
  }

  private mutating func append(
    _ name: Name, _ raw: Span<UInt8>, _ content: RoomStream.Content, _ number: MessageNumber?,
    at now: Moment
  ) throws(SayFailure) {
    do throws(RoomStream.Failure) {
      try stream.appendChat(from: name, raw, content, number, at: now)
    } catch {
      throw .tooLong
    }
  }

  /// Says something to one member: returns the packets for the two, or lines where one reads lines.
  /// - Parameters:
  ///   - recipient: the name as it stands escaped in `line`.
  ///   - joinID: whom it is for, if it has waited for that member: somebody else may have the name now.
  package mutating func say(
    _ body: JSONString, in line: Span<UInt8>, opened: [UInt8]? = nil, number: MessageNumber?,
    from handle: Handle, to recipient: JSONString, only joinID: Int64? = nil, at now: Moment
  ) throws(SayFailure) -> [Delivery] {
    guard let member = member(handle) else { throw .notAMember }
    if let number { try check(number, handle) }
    let wished = JSONText.text(recipient, in: line)
    guard let index = indicesByName[NameRules.fold(wished)], let other = members[index],
      joinID == nil || joinID == other.joinID
    else { throw .noSuchMember }
    // It would not get it, and its sender would think it had.
    guard index == handle.index || other.connection != nil && other.isReachable else {
      throw .recipientIsAway(joinID: other.joinID)
    }
    // A seal covers the recipient's name as its sender wrote it.
    let name = opened == nil ? other.name.escaped : JSONText.escaped(wished)
    stream.writeChat(
      from: member.name, line.extracting(body.range), content(body, opened), to: name, id: nil,
      number, at: now)
    guard stream.writer.bytes.count <= Limits.hostLine else { throw .tooLong }
    let packet = stream.writer.bytes
    privateMessageCount += 1
    if let number {
      senders.note(number, owner: handle.joinID)
      stream.note(.said(number, owner: handle.joinID))
    }
    let text = opened ?? JSONText.unescapedBytes(body, in: line)
    // Said to oneself it comes once.
    let recipients = index == handle.index ? [member] : [other, member]
    return recipients.compactMap { reader in
      let own: [UInt8]?
      switch reader.dialect {
      case .packets: own = packet
      case .versionOne:
        own =
          opened == nil
          ? packet : stream.versionOneChat(from: member.name, to: name, text, at: now)
      case .text:
        let shown = Transcript.chat(
          from: member.name.text, to: other.name.text, String(decoding: text, as: UTF8.self))
        own = Array((shown + "\n").utf8)
      }
      guard let own, let connection = reader.connection else { return nil }
      return Delivery(
        connection: connection, content: .packet(own, after: stream.end(for: reader.dialect)))
    }
  }

  /// Says a text as the host itself.
  package mutating func sayAsServer(_ text: String, at now: Moment) throws(SayFailure) {
    advance(to: now)
    try sayAnew(Array(text.utf8), from: .server, at: now)
  }

  /// Says what a version 1 client in a secure room said, sealed anew for the others.
  package mutating func sayAnew(_ text: [UInt8], from handle: Handle, at now: Moment)
    throws(SayFailure)
  {
    guard let name = memberName(handle) else { throw .notAMember }
    try sayAnew(text, from: name, at: now)
  }

  private mutating func sayAnew(_ text: [UInt8], from name: Name, at now: Moment)
    throws(SayFailure)
  {
    guard let keys = settings.keys, let sid = settings.sid else {
      var raw: [UInt8] = []
      JSONText.appendEscaped(text.span, to: &raw)
      return try append(name, raw.span, .text(hasEscapes: true), nil, at: now)
    }
    let number = MessageNumber(sid: sid, n: hostNumber + 1)
    let data = SealedMessage.additionalData(
      room: settings.id, from: name.text, to: "", number)
    guard let sealed = keys.seal(text, additionalData: data) else { throw .notSealed }
    hostNumber += 1
    let payload = Base64.encode(sealed)
    try append(name, payload.span, .sealed(opened: text), number, at: now)
  }

  private func check(_ number: MessageNumber, _ handle: Handle) throws(SayFailure) {
    // The host's own: with a number of its choice a member could make everybody drop what the host
    // says next.
    if number.sid == settings.sid { throw .foreignSender }
    switch senders.verdict(number, owner: handle.joinID) {
    case .new: return
    case .repeated: throw .repeated
    case .foreign: throw .foreignSender
    }
  }

  /// The members' names for a `members` packet, in the order of their places.
  package func names() -> [String] {
    Array(members.lazy.compactMap { $0?.name.text }.prefix(Limits.membersListed))
  }

  /// The name a member has now.
  package func name(of handle: Handle) -> String? { memberName(handle)?.text }

  package enum RenameFailure: Error, Equatable, Sendable {
    case invalid, reserved, unchanged, notAMember
  }

  /// Gives a member another name.
  /// - Returns: the packet for the member itself, with its new token, and the place and length of
  ///   the public one that it stands in for. Nil for those who have no token.
  package mutating func rename(_ handle: Handle, to text: String, at now: Moment)
    throws(RenameFailure) -> (packet: [UInt8], after: LogPosition, replacing: Int)?
  {
    guard let member = member(handle) else { throw .notAMember }
    guard let wished = Name(text) else { throw .invalid }
    if wished.isReserved { throw .reserved }
    if wished.text == member.name.text { throw .unchanged }
    let name = freeName(wished, except: handle.index)
    if name.text == member.name.text { throw .unchanged }
    changeName(handle, to: name)
    let place = log.end
    appendRename(member.name, to: name, at: now)
    guard member.dialect == .packets else { return nil }
    stream.writeSystem(
      "rename", member.name, to: name,
      text: Transcript.renamed(member.name.text, to: name.text), id: lastID, at: now)
    writeToken(handle, name, at: now)
    stream.writer.end()
    return (stream.writer.bytes, place, Int(log.end - place))
  }

  mutating func appendRename(_ old: Name, to new: Name, at now: Moment) {
    stream.lastID += 1
    stream.appendSystem(
      "rename", old, to: new, text: Transcript.renamed(old.text, to: new.text), id: lastID,
      at: now)
  }

  mutating func changeName(_ handle: Handle, to name: Name) {
    guard let old = member(handle) else { return }
    indicesByName[old.name.folded] = nil
    members[handle.index]?.name = name
    indicesByName[name.folded] = handle.index
    stream.note(.renamed(join: handle.joinID, to: name.text))
  }

  /// The name alone: each message asks for it, and a whole member would be copied.
  private func memberName(_ handle: Handle) -> Name? {
    members[handle.index]?.joinID == handle.joinID ? members[handle.index]?.name : nil
  }

  func member(_ handle: Handle) -> Member? {
    guard let member = members[handle.index], member.joinID == handle.joinID else { return nil }
    return member
  }

  // MARK: The screen

  /// Lets the host's screen read from now on.
  package mutating func showOnScreen(packets: Bool, maxLag: Int = Limits.lag) {
    stream.showOnScreen(packets: packets, maxLag: maxLag)
  }

  /// Nobody looks at the screen any more.
  package mutating func closeScreen() { stream.closeScreen() }

  /// Adds a line of the host's own to the screen.
  package mutating func note(_ line: String) { stream.note(line) }

  /// Adds a packet of the host's own to a screen that shows packets.
  package mutating func note(event: [UInt8]) { stream.note(event: event) }

  /// Takes what the screen is to show next; nil if there is nothing.
  package mutating func nextForScreen() -> ScreenFeed.Item? { stream.nextForScreen() }
}
