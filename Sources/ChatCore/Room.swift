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
    fileprivate let index: Int
    /// The id of its join: what a token and a `sid` belong to.
    fileprivate let joinID: Int64
  }

  private struct Member {
    var name: Name
    let joinID: Int64
    let address: String
    var dialect: Dialect
    /// Nil while its connection is lost and its place is kept.
    var connection: ConnectionID?
  }

  package let settings: Settings
  package private(set) var log = RoomLog()
  /// The same stream as the lines that people see, kept only while somebody reads it: text clients
  /// and the host's screen.
  private var textLog: RoomLog?
  private var textReaders = 0
  package private(set) var lastID: Int64 = 0
  private var kept: KeptPackets
  private var members: [Member?] = []
  private var freeIndices: [Int] = []
  private var indicesByName: [String: Int] = [:]
  private var indicesByJoinID: [Int64: Int] = [:]
  package private(set) var memberCount = 0
  private var lastNumber = 0
  private var lost: [(deadline: UInt64, handle: Handle)] = []
  private var announcements = Announcements()
  private var senders = SenderTable()
  private var writer = PacketWriter()
  private var textLine: [UInt8] = []
  /// The host's own screen, and whether it shows packets instead of the lines that people see.
  package private(set) var screen: ScreenFeed?
  private var screenShowsPackets = false

  package init(_ settings: Settings) {
    self.settings = settings
    kept = KeptPackets(limit: settings.history)
  }

  // MARK: Coming

  package struct Wish: Sendable {
    package var name: String?
    package var history = 0
    /// What a client that comes again brings: its stream, the last id it has, and its token.
    package var room: String?
    package var since: Int64?
    package var token: [UInt8]?

    package init(name: String? = nil) { self.name = name }
  }

  package enum Refusal: Error, Equatable, Sendable {
    case invalidName, full

    package var reason: String {
      switch self {
      case .invalidName: "Invalid name."
      case .full: "Room is full."
      }
    }
  }

  package struct Admission {
    package let handle: Handle
    /// The `auth_result` packet.
    package let result: [UInt8]
    /// Where to read from.
    package let cursor: LogCursor
    package let publication: LogPublication
    /// The end of a connection that held the same member.
    package let takenOver: Delivery?
  }

  /// Admits a connection, or says why not.
  package mutating func admit(
    _ wish: Wish, as dialect: Dialect, _ connection: ConnectionID, from address: String,
    at now: Moment
  ) throws(Refusal) -> Admission {
    advance(to: now)
    let wished = try wishedName(wish)
    if let wished, let joinID = joinID(in: wish, name: wished) {
      if let index = indicesByName[wished.folded], let member = members[index] {
        let takenOver = member.connection.map {
          Delivery(connection: $0, content: .end(.takenOver))
        }
        if member.dialect == .text { forgetTextReader() }
        members[index]?.connection = connection
        members[index]?.dialect = dialect
        let handle = Handle(index: index, joinID: joinID)
        return admission(
          handle, wished, wish, dialect, place(for: wish), at: now, takenOver: takenOver)
      }
      guard memberCount < settings.maxMembers else { throw .full }
      return join(wished, joinID, wish, dialect, connection, address, at: now)
    }
    guard memberCount < settings.maxMembers else { throw .full }
    return join(freeName(wished), nil, wish, dialect, connection, address, at: now)
  }

  private func wishedName(_ wish: Wish) throws(Refusal) -> Name? {
    guard let text = wish.name else { return nil }
    guard let name = Name(text) else { throw .invalidName }
    return name
  }

  /// The join that a wish's token is for, if the token counts (section 7).
  private func joinID(in wish: Wish, name: Name) -> Int64? {
    guard let token = wish.token,
      let joinID = settings.tokenKey.joinID(in: token.span, name: name)
    else { return nil }
    if let index = indicesByName[name.folded] {
      return members[index]?.joinID == joinID ? joinID : nil
    }
    return indicesByJoinID[joinID] == nil ? joinID : nil
  }

  /// The wished name, or the next free one after it.
  private mutating func freeName(_ wished: Name?, except index: Int? = nil) -> Name {
    guard let wished, !wished.isReserved else {
      while true {
        lastNumber += 1
        let name = Name.numbered(lastNumber)
        if indicesByName[name.folded] == nil { return name }
      }
    }
    func isFree(_ name: Name) -> Bool {
      let holder = indicesByName[name.folded]
      return holder == nil || holder == index
    }
    if isFree(wished) { return wished }
    // One more than there are members is always free. Doubling, then halving the step finds a free
    // suffix without trying them all when thousands wish the same name.
    var taken = 1
    var step = 1
    while !isFree(wished.with(suffix: taken + step)) {
      taken += step
      step *= 2
    }
    while step > 1 {
      step /= 2
      if !isFree(wished.with(suffix: taken + step)) { taken += step }
    }
    return wished.with(suffix: taken + 1)
  }

  private mutating func join(
    _ name: Name, _ knownJoinID: Int64?, _ wish: Wish, _ dialect: Dialect,
    _ connection: ConnectionID, _ address: String, at now: Moment
  ) -> Admission {
    let place = place(for: wish)
    let before = lastID
    let announced = announcements.announce(.join, at: now.monotonic)
    // A folded join draws its number from the ids like any other (section 7).
    lastID += 1
    let handle = insert(
      Member(
        name: name, joinID: knownJoinID ?? lastID, address: address, dialect: dialect,
        connection: connection))
    let admission = admission(handle, name, wish, dialect, place, id: before, at: now)
    if announced {
      appendSystem(
        "join", name, text: Transcript.joined(name.text, from: address), id: lastID, at: now)
      appendCount()
    }
    return admission
  }

  private mutating func insert(_ member: Member) -> Handle {
    let index = freeIndices.popLast() ?? members.count
    if index == members.count { members.append(member) } else { members[index] = member }
    indicesByName[member.name.folded] = index
    indicesByJoinID[member.joinID] = index
    memberCount += 1
    return Handle(index: index, joinID: member.joinID)
  }

  /// Where one who comes with this wish begins to read.
  private func place(for wish: Wish) -> (cursor: LogCursor, isGap: Bool) {
    var isGap = false
    if let since = wish.since {
      if wish.room == settings.id, since <= lastID, since >= kept.droppedID {
        return (kept.cursor(after: since) ?? log.cursor, false)
      }
      isGap = true
    }
    return ((wish.history > 0 ? kept.cursor(last: wish.history) : nil) ?? log.cursor, isGap)
  }

  private mutating func admission(
    _ handle: Handle, _ name: Name, _ wish: Wish, _ dialect: Dialect,
    _ place: (cursor: LogCursor, isGap: Bool), id: Int64? = nil, at now: Moment,
    takenOver: Delivery? = nil
  ) -> Admission {
    writer.begin("auth_result")
    writer.key(",\"ok\":true,\"client_name\":")
    writer.escaped(name.escaped)
    writer.key(",\"id\":")
    writer.integer(id ?? lastID)
    writer.key(",\"total\":")
    writer.integer(Int64(memberCount))
    if place.isGap { writer.key(",\"gap\":true") }
    if dialect == .packets { writeToken(handle, name, at: now) }
    writer.end()
    let result = writer.bytes
    if dialect == .text {
      let (cursor, publication) = followText()
      return Admission(
        handle: handle, result: [], cursor: cursor, publication: publication, takenOver: takenOver)
    }
    return Admission(
      handle: handle, result: result, cursor: place.cursor, publication: log.publication,
      takenOver: takenOver)
  }

  private mutating func writeToken(_ handle: Handle, _ name: Name, at now: Moment) {
    guard
      let token = settings.tokenKey.token(id: handle.joinID, name: name, at: now.unixMilliseconds)
    else { return }
    writer.key(",\"token\":")
    writer.escaped(token.span)
  }

  /// Turns a member that was admitted for its silence into what its late `auth` asks for
  /// (section 4).
  package mutating func upgrade(_ handle: Handle, to wish: Wish, at now: Moment)
    throws(Refusal) -> Admission
  {
    advance(to: now)
    guard let old = member(handle), let connection = old.connection else { throw .invalidName }
    let wished = try wishedName(wish)
    members[handle.index]?.dialect = .packets
    if let wished, let joinID = joinID(in: wish, name: wished) {
      // The member that the token is for goes on; the one that stood in for it goes.
      var takenOver: Delivery?
      let place = place(for: wish)
      let before = (id: lastID, members: memberCount)
      remove(handle)
      let resumed: Handle
      if let index = indicesByName[wished.folded] {
        takenOver = members[index]?.connection.map {
          Delivery(connection: $0, content: .end(.takenOver))
        }
        if members[index]?.dialect == .text { forgetTextReader() }
        members[index]?.connection = connection
        members[index]?.dialect = .packets
        resumed = Handle(index: index, joinID: joinID)
      } else {
        resumed = insert(
          Member(
            name: wished, joinID: joinID, address: old.address, dialect: .packets,
            connection: connection))
      }
      let admission = admission(
        resumed, wished, wish, .packets, place, id: before.id, at: now, takenOver: takenOver)
      appendRename(old.name, to: wished, at: now)
      // Two members have become one, whether the other still had a connection or had just lost it.
      if memberCount < before.members { appendCount() }
      return admission
    }
    let place = place(for: wish)
    let before = lastID
    guard let wished, !wished.isReserved else {
      return admission(handle, old.name, wish, .packets, place, at: now)
    }
    let name = freeName(wished, except: handle.index)
    changeName(handle, to: name)
    let admission = admission(handle, name, wish, .packets, place, id: before, at: now)
    appendRename(old.name, to: name, at: now)
    return admission
  }

  /// Makes a member read lines instead of packets from now on.
  package mutating func becomeText(_ handle: Handle)
    -> (cursor: LogCursor, publication: LogPublication, after: LogPosition)?
  {
    guard member(handle) != nil else { return nil }
    members[handle.index]?.dialect = .text
    let (cursor, publication) = followText()
    return (cursor, publication, log.end)
  }

  private mutating func followText() -> (LogCursor, LogPublication) {
    textReaders += 1
    let text = textLog ?? RoomLog()
    textLog = text
    return (text.cursor, text.publication)
  }

  private mutating func forgetTextReader() {
    textReaders -= 1
    if textReaders == 0 { textLog = nil }
  }

  // MARK: Going

  /// A member's connection is over.
  /// - Parameter keepsPlace: whether the member keeps its place for a while, in case it comes again.
  package mutating func disconnect(
    _ handle: Handle, _ connection: ConnectionID, keepsPlace: Bool, at now: Moment
  ) {
    advance(to: now)
    guard let member = member(handle), member.connection == connection else { return }
    if member.dialect == .text { forgetTextReader() }
    if keepsPlace {
      members[handle.index]?.connection = nil
      members[handle.index]?.dialect = .packets
      lost.append((now.monotonic + Limits.lostMemberGrace, handle))
    } else {
      leave(handle, at: now)
    }
  }

  private mutating func leave(_ handle: Handle, at now: Moment) {
    guard let member = member(handle) else { return }
    remove(handle)
    guard announcements.announce(.leave, at: now.monotonic) else { return }
    lastID += 1
    appendSystem("leave", member.name, text: Transcript.left(member.name.text), id: lastID, at: now)
    appendCount()
  }

  private mutating func remove(_ handle: Handle) {
    guard let member = member(handle) else { return }
    members[handle.index] = nil
    freeIndices.append(handle.index)
    indicesByName[member.name.folded] = nil
    indicesByJoinID[member.joinID] = nil
    memberCount -= 1
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
      lastID += 1
      appendSystem(
        "notice", nil, text: Transcript.folded(joins: folded.joins, leaves: folded.leaves),
        id: lastID, at: now)
      appendCount()
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
  }

  /// Says a text that stands escaped in `line`, to everybody.
  package mutating func say(
    _ text: JSONString, in line: Span<UInt8>, number: MessageNumber?, from handle: Handle,
    at now: Moment
  ) throws(SayFailure) {
    guard let name = memberName(handle) else { throw .notAMember }
    if let number { try check(number, handle) }
    try appendChat(from: name, line.extracting(text.range), text.hasEscapes, number, at: now)
    if let number { senders.note(number, owner: handle.joinID) }
  }

  /// Says a text to one member: returns the packets for the two, or lines where one reads lines.
  package mutating func say(
    _ text: JSONString, in line: Span<UInt8>, number: MessageNumber?, from handle: Handle,
    to name: String, at now: Moment
  ) throws(SayFailure) -> [Delivery] {
    guard let member = member(handle) else { throw .notAMember }
    if let number { try check(number, handle) }
    guard let index = indicesByName[NameRules.fold(name)], let other = members[index] else {
      throw .noSuchMember
    }
    let raw = line.extracting(text.range)
    writeChat(from: member.name, raw, to: other.name, id: nil, number, at: now)
    guard writer.bytes.count <= Limits.hostLine else { throw .tooLong }
    let packet = writer.bytes
    if let number { senders.note(number, owner: handle.joinID) }
    let shown = Transcript.chat(
      from: member.name.text, to: other.name.text, JSONText.text(text, in: line))
    // Said to oneself it comes once.
    let recipients = index == handle.index ? [member] : [other, member]
    return recipients.compactMap { delivery(packet: packet, shown: shown, to: $0) }
  }

  private func delivery(packet: [UInt8], shown: String, to member: Member) -> Delivery? {
    guard let connection = member.connection else { return nil }
    if member.dialect == .text, let textLog {
      return Delivery(
        connection: connection, content: .packet(Array((shown + "\n").utf8), after: textLog.end))
    }
    return Delivery(connection: connection, content: .packet(packet, after: log.end))
  }

  /// Says a text as the host itself.
  package mutating func sayAsServer(_ text: String, at now: Moment) throws(SayFailure) {
    advance(to: now)
    var raw: [UInt8] = []
    JSONText.appendEscaped(text, to: &raw)
    try appendChat(from: .server, raw.span, true, nil, at: now)
  }

  private func check(_ number: MessageNumber, _ handle: Handle) throws(SayFailure) {
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
    changeName(handle, to: name)
    let place = log.end
    appendRename(member.name, to: name, at: now)
    guard member.dialect == .packets else { return nil }
    writeRename(member.name, to: name, id: lastID, at: now)
    writeToken(handle, name, at: now)
    writer.end()
    return (writer.bytes, place, Int(log.end - place))
  }

  private mutating func changeName(_ handle: Handle, to name: Name) {
    guard let old = member(handle) else { return }
    indicesByName[old.name.folded] = nil
    members[handle.index]?.name = name
    indicesByName[name.folded] = handle.index
  }

  /// The name alone: each message asks for it, and a whole member would be copied.
  private func memberName(_ handle: Handle) -> Name? {
    members[handle.index]?.joinID == handle.joinID ? members[handle.index]?.name : nil
  }

  private func member(_ handle: Handle) -> Member? {
    guard let member = members[handle.index], member.joinID == handle.joinID else { return nil }
    return member
  }

  // MARK: The stream

  private mutating func appendChat(
    from name: Name, _ raw: Span<UInt8>, _ hasEscapes: Bool, _ number: MessageNumber?,
    at now: Moment
  ) throws(SayFailure) {
    writeChat(from: name, raw, to: nil, id: lastID + 1, number, at: now)
    guard writer.bytes.count <= Limits.hostLine else { throw .tooLong }
    lastID += 1
    keepAndAppend(lastID)
    if textLog != nil { appendChatText(from: name, raw, hasEscapes) }
  }

  private mutating func writeChat(
    from name: Name, _ raw: Span<UInt8>, to other: Name?, id: Int64?, _ number: MessageNumber?,
    at now: Moment
  ) {
    writer.begin("chat")
    writer.key(",\"encrypted\":false,\"from\":")
    writer.escaped(name.escaped)
    if let other {
      writer.key(",\"to\":")
      writer.escaped(other.escaped)
    }
    writer.key(",\"text\":")
    writer.escaped(raw)
    if let id {
      writer.key(",\"id\":")
      writer.integer(id)
    }
    writer.key(",\"time\":")
    writer.integer(now.unixMilliseconds)
    if let number { writer.number(number) }
    writer.end()
  }

  private mutating func appendSystem(
    _ event: StaticString, _ name: Name?, text: String, id: Int64, at now: Moment
  ) {
    writeSystem(event, name, to: nil, text: text, id: id, at: now)
    writer.end()
    keepAndAppend(id)
    appendText(Transcript.system(text))
  }

  private mutating func appendRename(_ old: Name, to new: Name, at now: Moment) {
    lastID += 1
    writeRename(old, to: new, id: lastID, at: now)
    writer.end()
    keepAndAppend(lastID)
    appendText(Transcript.system(Transcript.renamed(old.text, to: new.text)))
  }

  private mutating func writeRename(_ old: Name, to new: Name, id: Int64, at now: Moment) {
    writeSystem(
      "rename", old, to: new, text: Transcript.renamed(old.text, to: new.text), id: id, at: now)
  }

  private mutating func writeSystem(
    _ event: StaticString, _ name: Name?, to other: Name?, text: String, id: Int64, at now: Moment
  ) {
    writer.begin("system")
    writer.key(",\"encrypted\":false,\"event\":\"")
    writer.key(event)
    writer.key("\"")
    if let name {
      writer.key(",\"name\":")
      writer.escaped(name.escaped)
    }
    if let other {
      writer.key(",\"to\":")
      writer.escaped(other.escaped)
    }
    writer.key(",\"text\":")
    writer.string(text)
    writer.key(",\"id\":")
    writer.integer(id)
    writer.key(",\"time\":")
    writer.integer(now.unixMilliseconds)
  }

  private mutating func appendCount() {
    writer.begin("count")
    writer.key(",\"total\":")
    writer.integer(Int64(memberCount))
    writer.end()
    log.append(writer.bytes)
    if screenShowsPackets { advanceScreen(log) }
    appendText(Transcript.count(memberCount))
  }

  private mutating func keepAndAppend(_ id: Int64) {
    let place = log.cursor
    log.append(writer.bytes)
    kept.append(id, at: place, end: log.end)
    if screenShowsPackets { advanceScreen(log) }
  }

  private mutating func appendText(_ line: String) {
    guard textLog != nil else { return }
    appendText(Array((line + "\n").utf8))
  }

  private mutating func appendText(_ line: [UInt8]) {
    textLog?.append(line)
    if !screenShowsPackets, screen != nil, let textLog { advanceScreen(textLog) }
  }

  /// The log that the screen reads has a line more.
  private mutating func advanceScreen(_ log: borrowing RoomLog) {
    if screen?.lineAppended(log.end) ?? false { screen?.skip(to: log.cursor) }
  }

  /// Appends a message as the line that people see: `NAME: TEXT`.
  private mutating func appendChatText(from name: Name, _ raw: Span<UInt8>, _ hasEscapes: Bool) {
    guard !hasEscapes, raw.isPrintableASCII, name.text.utf8Span.span.isPrintableASCII else {
      var bytes: [UInt8] = []
      bytes.append(raw)
      let whole = JSONString(start: 0, end: Int32(raw.count), hasEscapes: hasEscapes)
      return appendText(Transcript.chat(from: name.text, JSONText.text(whole, in: bytes.span)))
    }
    // What nearly every message is like needs no detour over strings.
    textLine.removeAll(keepingCapacity: true)
    textLine.append(name.text.utf8Span.span)
    textLine.append(": ")
    textLine.append(raw)
    textLine.append(UInt8(ascii: "\n"))
    appendText(textLine)
  }

  // MARK: The screen

  /// Lets the host's screen read from now on.
  package mutating func showOnScreen(packets: Bool, maxLag: Int = Limits.lag) {
    screenShowsPackets = packets
    if packets {
      screen = ScreenFeed(log, maxLag: maxLag)
    } else {
      let text = textLog ?? RoomLog()
      textLog = text
      textReaders += 1
      screen = ScreenFeed(text, maxLag: maxLag)
    }
  }

  /// Nobody looks at the screen any more.
  package mutating func closeScreen() {
    if screen != nil, !screenShowsPackets { forgetTextReader() }
    screen = nil
  }

  /// Adds a line of the host's own to the screen.
  package mutating func note(_ line: String) { screen?.note(line) }

  /// Takes what the screen is to show next; nil if there is nothing.
  package mutating func nextForScreen() -> ScreenFeed.Item? { screen?.next() }
}
