/// How a connection gets into the room (PROTOCOL.md, sections 4 and 9).
extension HostSession {
  mutating func receiveFirst(
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
      refuse(.unauthenticated, room, at: now)
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
      return refuse(.unauthenticated, room, at: now)
    }
    let share = auth.version >= 2 && method == "spake2plus" ? auth.share : nil
    guard share != nil || (keys.versionOne != nil && auth.password != nil) else {
      return refuse(.unauthenticated, room, at: now)
    }
    // Before it costs anything: a ban is no matter of the password.
    guard !room.isBanned(origin) else { return refuse(.banned, room, at: now) }
    let member = room.withLock { $0.joinID(in: wish) }
    let source = member.map { Throttle.Source.member($0) } ?? Throttle.Source(origin)
    guard room.charge(source, at: now) else {
      return refuse(.tooManyAttempts, room, at: now)
    }
    if let share {
      var raw: [UInt8] = []
      raw.append(line)
      let bytes = JSONText.unescapedBytes(share, in: line)
      guard let share = Base64.decode(bytes.span),
        let challenge = keys.challenge(share: share, exporter: exporter, hello: hello, auth: raw)
      else { return refuse(.wrongPassword, room, at: now) }
      outflow.post(PacketWriter.authChallenge(challenge))
      state = .challenged(challenge, wish, source)
    } else if let password = auth.password, let versionOne = keys.versionOne {
      guard versionOne.isPassword(JSONText.unescapedBytes(password, in: line)) else {
        return refuse(.wrongPassword, room, at: now)
      }
      room.giveBack(source)
      admit(wish, as: .versionOne, in: room, at: now, &deliveries)
    }
  }

  mutating func receiveConfirmation(
    _ packet: ClientPacket, _ line: Span<UInt8>, _ challenge: any AdmissionChallenge,
    _ wish: Room.Wish, _ source: Throttle.Source, in room: SharedRoom, at now: Moment,
    _ deliveries: inout [Delivery]
  ) {
    switch packet {
    case .authConfirm(let confirm):
      let bytes = JSONText.unescapedBytes(confirm, in: line)
      guard let confirmation = Base64.decode(bytes.span), challenge.accepts(confirmation) else {
        return refuse(.wrongPassword, room, at: now)
      }
      // Who could make this knew the password: it was no guess.
      room.giveBack(source)
      admit(wish, as: .packets, in: room, at: now, &deliveries)
    case .ping: outflow.post(PacketWriter.bare("pong"))
    case .pong, .other: break
    case .bye: close(.afterSending)
    case .auth, .chat, .nick, .who:
      refuse(.unauthenticated, room, at: now)
    }
  }

  func wish(_ auth: ClientPacket.Auth, _ line: Span<UInt8>) -> Room.Wish {
    var wish = Room.Wish(name: auth.name.map { JSONText.text($0, in: line) })
    guard auth.version >= 2 else { return wish }
    wish.history = auth.history
    wish.room = auth.room.map { JSONText.text($0, in: line) }
    wish.since = auth.since
    wish.token = auth.token.map { JSONText.unescapedBytes($0, in: line) }
    return wish
  }

  mutating func admit(
    _ wish: Room.Wish, as dialect: Room.Dialect, in room: SharedRoom, at now: Moment,
    isSilent: Bool = false, _ deliveries: inout [Delivery]
  ) {
    let (id, address, origin) = (id, address, origin)
    do throws(Room.Refusal) {
      let admission = try room.withLock { room throws(Room.Refusal) in
        try room.admit(wish, as: dialect, id, from: address, origin, at: now)
      }
      enter(admission)
      noteAdmission(admission.name)
      state = .member(Member(handle: admission.handle, dialect: dialect, isSilent: isSilent))
      if let takenOver = admission.takenOver { deliveries.append(takenOver) }
    } catch {
      refuse(error, asText: dialect == .text, room, at: now)
    }
  }

  private mutating func enter(_ admission: Room.Admission) {
    outflow.follow(admission.cursor, of: admission.publication)
    if !admission.result.isEmpty { postResult(admission) }
  }

  private mutating func postResult(_ admission: Room.Admission) {
    outflow.post(admission.result, after: admission.cursor.position)
    older = admission.older
    if older != nil { outflow.openGap(at: admission.cursor.position) }
  }

  /// A late `auth` of a member that was admitted for its silence.
  mutating func upgrade(
    _ member: Member, to wish: Room.Wish, in room: SharedRoom, at now: Moment,
    _ deliveries: inout [Delivery]
  ) {
    do throws(Room.Refusal) {
      let admission = try room.withLock { room throws(Room.Refusal) in
        try room.upgrade(member.handle, to: wish, at: now)
      }
      if outflow.position <= admission.cursor.position {
        // What was said since its silent admission, and not sent yet, comes first.
        postResult(admission)
      } else {
        enter(admission)
      }
      state = .member(Member(handle: admission.handle, dialect: .packets, isSilent: false))
      if let takenOver = admission.takenOver { deliveries.append(takenOver) }
    } catch {
      refuse(error, room, at: now)
    }
  }
}
