/// What a member's packets do (PROTOCOL.md, sections 5 to 7).
extension HostSession {
  mutating func receive(
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

  mutating func say(
    _ chat: ClientPacket.Chat, _ line: Span<UInt8>, _ member: Member, in room: SharedRoom,
    at now: Moment, _ deliveries: inout [Delivery]
  ) {
    let n = chat.number?.n
    let awaited = held.take()
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
        // What version 1 seals cannot be sealed for one member alone, and must not go to all.
        guard chat.to == nil else {
          outflow.post(
            PacketWriter.error(.notAllowed, "Version 1 says nothing to one member.", n: n))
          return
        }
        try room.withLock { room throws(Room.SayFailure) in
          try room.sayAnew(opened, from: member.handle, at: now)
        }
      } else if let to = chat.to {
        let (shared, worker) = (room, id.worker)
        let said = try room.withLock { room throws(Room.SayFailure) in
          let said = try room.say(
            body, in: line, opened: opened, number: chat.number, from: member.handle, to: to,
            only: awaited?.recipient, at: now)
          return shared.handOver(said, from: worker)
        }
        for delivery in said { take(delivery, &deliveries) }
      } else {
        try room.withLock { room throws(Room.SayFailure) in
          try room.say(
            body, in: line, opened: opened, number: chat.number, from: member.handle, at: now)
        }
      }
    } catch {
      if case .recipientIsAway(let joinID) = error,
        hold(line, for: joinID, since: awaited?.since ?? now.monotonic, at: now)
      {
        return
      }
      answer(error, n: n)
    }
  }

  /// Keeps a message to a member whose connection is lost until that is there again or counts as gone:
  /// what its sender says behind it waits as well, so that all stays in its order and numbers.
  /// - Returns: false where it has waited for as long as a lost member's place is kept: one that is lost
  ///   again and again does not silence who speaks to it.
  private mutating func hold(
    _ line: Span<UInt8>, for recipient: Int64, since: UInt64, at now: Moment
  ) -> Bool {
    guard now.monotonic - since <= Limits.lostMemberGrace else { return false }
    held = (recipient, since)
    unread.append(line)
    unread.append(UInt8(ascii: "\n"))
    bucket.giveBack()
    pausedUntil = now.monotonic + Limits.awayRecipientTime
    return true
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
    case .noSuchMember, .recipientIsAway:
      outflow.post(PacketWriter.error(.noSuchMember, "Nobody here has that name.", n: n))
    case .notSealed:
      outflow.post(PacketWriter.error(.decryptFailed, "The host cannot seal it.", n: n))
    case .notAMember: break
    }
  }

  mutating func rename(
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
}
