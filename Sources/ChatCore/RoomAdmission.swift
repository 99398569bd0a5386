/// How a member comes into the room, or comes again (PROTOCOL.md, sections 4 and 7).
extension Room {
  package struct Wish: Sendable {
    package var name: String?
    package var history = 0
    /// What a client that comes again brings: its stream, the last id it has, and its token.
    package var room: String?
    package var since: Int64?
    package var token: [UInt8]?

    package init(name: String? = nil) { self.name = name }
  }

  /// Why a connection is not let in (section 4).
  package enum Refusal: Error, Equatable, Sendable {
    case invalidName, full, banned, wrongPassword, tooManyAttempts
    /// It did not say who it is, or not in time.
    case unauthenticated

    package var reason: String {
      switch self {
      case .invalidName: "Invalid name."
      case .full: "Room is full."
      case .banned: "Banned."
      case .wrongPassword: "Wrong password."
      case .tooManyAttempts: "Too many attempts. Try again later."
      case .unauthenticated: "Authentication required."
      }
    }
  }

  package struct Admission {
    package let handle: Handle
    package let name: String
    /// The `auth_result` packet.
    package let result: [UInt8]
    /// Where to read from.
    package let cursor: LogCursor
    package let publication: LogPublication
    /// What comes before that, after the `auth_result`.
    package let older: OlderPackets?
    /// The end of a connection that held the same member.
    package let takenOver: Delivery?
  }

  /// Admits a connection, or says why not.
  package mutating func admit(
    _ wish: Wish, as dialect: Dialect, _ connection: ConnectionID, from address: String,
    _ origin: Origin, at now: Moment
  ) throws(Refusal) -> Admission {
    advance(to: now)
    if isBanned(origin) { throw .banned }
    let wished = try wishedName(wish)
    if let wished, let joinID = joinID(in: wish, name: wished) {
      if let index = indicesByName[wished.folded], let member = members[index] {
        let takenOver = member.connection.map {
          Delivery(connection: $0, content: .end(.takenOver, name: member.name.text))
        }
        stream.unfollow(as: member.dialect)
        members[index]?.connection = connection
        members[index]?.isReachable = true
        members[index]?.dialect = dialect
        members[index]?.address = address
        members[index]?.origin = origin
        let handle = Handle(index: index, joinID: joinID)
        return admission(
          handle, wished, wish, dialect, place(for: wish), at: now, takenOver: takenOver)
      }
      guard memberCount < settings.maxMembers else { throw .full }
      return join(wished, joinID, wish, dialect, connection, address, origin, at: now)
    }
    guard memberCount < settings.maxMembers else { throw .full }
    return join(freeName(wished), nil, wish, dialect, connection, address, origin, at: now)
  }

  private func wishedName(_ wish: Wish) throws(Refusal) -> Name? {
    guard let text = wish.name else { return nil }
    guard let name = Name(text) else { throw .invalidName }
    return name
  }

  /// The join that a wish's token is for, if it counts: who brings one is no stranger.
  package func joinID(in wish: Wish) -> Int64? {
    guard let name = wish.name.flatMap({ Name($0) }) else { return nil }
    return joinID(in: wish, name: name)
  }

  /// The join that a wish's token is for, if the token counts (section 7).
  func joinID(in wish: Wish, name: Name) -> Int64? {
    guard let token = wish.token,
      let joinID = settings.tokenKey.joinID(in: token.span, name: name)
    else { return nil }
    if let index = indicesByName[name.folded] {
      return members[index]?.joinID == joinID ? joinID : nil
    }
    return indicesByJoinID[joinID] == nil ? joinID : nil
  }

  /// The wished name, or the next free one after it.
  mutating func freeName(_ wished: Name?, except index: Int? = nil) -> Name {
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
    _ connection: ConnectionID, _ address: String, _ origin: Origin, at now: Moment
  ) -> Admission {
    let place = place(for: wish)
    let before = lastID
    let announced = announcements.announce(.join, at: now.monotonic)
    // A folded join draws its number from the ids like any other (section 7).
    stream.lastID += 1
    if !announced { stream.note(.drawn(id: lastID)) }
    let handle = insert(
      Member(
        name: name, joinID: knownJoinID ?? lastID, address: address, origin: origin,
        since: now.unixMilliseconds, dialect: dialect, connection: connection))
    let admission = admission(handle, name, wish, dialect, place, id: before, at: now)
    if announced {
      stream.appendSystem(
        "join", name, text: Transcript.joined(name.text, from: address), id: lastID, at: now)
      stream.appendCount(memberCount)
    }
    return admission
  }

  private mutating func insert(_ member: Member) -> Handle {
    noteJoined(member)
    return restore(member)
  }

  /// Puts a member into the room that its log file knows of already.
  mutating func restore(_ member: Member) -> Handle {
    let index = freeIndices.popLast() ?? members.count
    if index == members.count { members.append(member) } else { members[index] = member }
    indicesByName[member.name.folded] = index
    indicesByJoinID[member.joinID] = index
    memberCount += 1
    return Handle(index: index, joinID: member.joinID)
  }

  private mutating func noteJoined(_ member: Member) {
    stream.note(
      .joined(
        join: member.joinID, name: member.name.text, hasToken: member.dialect == .packets))
  }

  /// Where somebody begins to read.
  struct Place {
    let cursor: LogCursor
    /// What was missed is not kept any more.
    var isGap = false
    /// What comes before the cursor and is only in the log file.
    var older: OlderPackets?
  }

  /// Where one who comes with this wish begins to read.
  private func place(for wish: Wish) -> Place {
    var isGap = false
    if let since = wish.since {
      if wish.room == settings.id, since <= lastID {
        let dropped = stream.kept.droppedID
        if since >= dropped { return Place(cursor: stream.kept.cursor(after: since) ?? log.cursor) }
        if let wholeFrom, since >= wholeFrom {
          return Place(
            cursor: stream.kept.cursor(after: dropped) ?? log.cursor,
            older: OlderPackets(after: since, through: dropped))
        }
      }
      isGap = true
    }
    let cursor = wish.history > 0 ? stream.kept.cursor(last: wish.history) : nil
    return Place(cursor: cursor ?? log.cursor, isGap: isGap)
  }

  private mutating func admission(
    _ handle: Handle, _ name: Name, _ wish: Wish, _ dialect: Dialect,
    _ place: Place, id: Int64? = nil, at now: Moment,
    takenOver: Delivery? = nil
  ) -> Admission {
    stream.writer.begin("auth_result")
    stream.writer.key(",\"ok\":true,\"client_name\":")
    stream.writer.escaped(name.escaped)
    stream.writer.key(",\"id\":")
    stream.writer.integer(id ?? lastID)
    stream.writer.key(",\"total\":")
    stream.writer.integer(Int64(memberCount))
    if place.isGap { stream.writer.key(",\"gap\":true") }
    if dialect == .packets { writeToken(handle, name, at: now) }
    stream.writer.end()
    let result = stream.writer.bytes
    if let (cursor, publication) = stream.follow(as: dialect) {
      return Admission(
        handle: handle, name: name.text, result: dialect == .text ? [] : result, cursor: cursor,
        publication: publication, older: nil, takenOver: takenOver)
    }
    return Admission(
      handle: handle, name: name.text, result: result, cursor: place.cursor,
      publication: log.publication, older: place.older, takenOver: takenOver)
  }

  mutating func writeToken(_ handle: Handle, _ name: Name, at now: Moment) {
    guard
      let token = settings.tokenKey.token(id: handle.joinID, name: name, at: now.unixMilliseconds)
    else { return }
    stream.writer.key(",\"token\":")
    stream.writer.escaped(token)
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
    if let member = member(handle) { noteJoined(member) }
    if let wished, let joinID = joinID(in: wish, name: wished) {
      // The member that the token is for goes on; the one that stood in for it goes.
      var takenOver: Delivery?
      let place = place(for: wish)
      let before = (id: lastID, members: memberCount)
      remove(handle)
      let resumed: Handle
      if let index = indicesByName[wished.folded] {
        takenOver = members[index]?.connection.map {
          Delivery(connection: $0, content: .end(.takenOver, name: wished.text))
        }
        if let dialect = members[index]?.dialect { stream.unfollow(as: dialect) }
        members[index]?.connection = connection
        members[index]?.isReachable = true
        members[index]?.dialect = .packets
        members[index]?.address = old.address
        members[index]?.origin = old.origin
        resumed = Handle(index: index, joinID: joinID)
      } else {
        resumed = insert(
          Member(
            name: wished, joinID: joinID, address: old.address, origin: old.origin,
            since: now.unixMilliseconds, dialect: .packets, connection: connection))
      }
      let admission = admission(
        resumed, wished, wish, .packets, place, id: before.id, at: now, takenOver: takenOver)
      appendRename(old.name, to: wished, at: now)
      // Two members have become one, whether the other still had a connection or had just lost it.
      if memberCount < before.members { stream.appendCount(memberCount) }
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
}
