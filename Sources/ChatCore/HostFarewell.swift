// How a connection ends, at the host: whoever ends it, and for whatever reason.

extension HostSession {
  /// How a connection ends.
  package enum End: Equatable, Sendable {
    /// Once all that waits has been sent.
    case afterSending
    /// At once, without a word.
    case now
  }

  /// Says one last thing instead of beginning, and ends.
  package mutating func turnAway(with packet: [UInt8]) {
    outflow.close(with: packet)
    saidBye = true
    close(.afterSending)
  }

  /// The connection broke, or its end has come: the member goes, or keeps its place for a while.
  package mutating func disconnect(in room: SharedRoom, at now: Moment) {
    leave(room, at: now)
    close(.now)
  }

  /// Nothing reaches the client any more; what it said before is still to be read.
  package mutating func abandon(in room: SharedRoom) {
    outflow.abandon()
    guard case .member(let member) = state else { return }
    let id = id
    room.withLock { $0.noteUnreachable(member.handle, id) }
  }

  mutating func leave(_ room: SharedRoom, at now: Moment) {
    noteUnproven()
    if case .member(let member) = state {
      let id = id
      let keepsPlace = member.dialect == .packets && !saidBye
      room.withLock { $0.disconnect(member.handle, id, keepsPlace: keepsPlace, at: now) }
    }
    state = .over
  }

  /// Does not let it in.
  /// - Parameter asText: whether it reads lines.
  mutating func refuse(
    _ refusal: Room.Refusal, asText: Bool = false, _ room: SharedRoom, at now: Moment
  ) {
    news.append(.refused(refusal))
    end(
      with: asText
        ? Array((Transcript.error(refusal.reason) + "\n").utf8)
        : PacketWriter.authResult(refused: refusal.reason), room, at: now)
  }

  /// Has had enough of what it sends. Nobody has said `bye`, so a member keeps its place for a while.
  mutating func reject(
    _ code: ErrorCode, _ reason: String, _ room: SharedRoom, at now: Moment
  ) {
    news.append(.rejected(reason: reason, name: memberName(in: room)))
    end(
      with: isText
        ? Array((Transcript.error(reason) + "\n").utf8) : PacketWriter.error(code, reason),
      room, at: now)
  }

  /// Ends one that was not ready in time.
  package mutating func giveUp(saying reason: String, in room: SharedRoom, at now: Moment) {
    news.append(.rejected(reason: reason, name: nil))
    disconnect(in: room, at: now)
  }

  /// Sends a last answer and ends.
  mutating func end(with answer: [UInt8], _ room: SharedRoom, at now: Moment) {
    outflow.close(with: answer)
    close(.afterSending)
    leave(room, at: now)
  }

  mutating func close(_ how: End) {
    guard end != .now else { return }
    noteUnproven()
    if end == nil { outflow.close() }
    end = how
    unread = []
    pausedUntil = nil
  }

  /// The host ends this connection.
  /// - Parameter name: the member's, if it is no longer this connection's.
  package mutating func bid(
    _ farewell: Farewell, of name: String? = nil, in room: SharedRoom, at now: Moment
  ) {
    guard end == nil else { return }
    let word =
      isText
      ? Array((Transcript.bye(farewell.reason) + "\n").utf8) : PacketWriter.bye(farewell)
    switch farewell {
    // What waits will not go: the reader does not take it, or it waits for what is gone.
    case .tooSlow, .historyGone: outflow.cut(with: word)
    default: outflow.close(with: word)
    }
    saidBye = true
    // The bye is the last packet: not even its own leave comes behind it.
    close(.afterSending)
    // A room that closes needs no word of each who leaves it.
    guard farewell != .shutdown else {
      state = .over
      return
    }
    news.append(.ended(farewell, name: name ?? memberName(in: room)))
    leave(room, at: now)
  }

  func memberName(in room: SharedRoom) -> String? {
    guard case .member(let member) = state else { return nil }
    return room.withLock { $0.name(of: member.handle) }
  }

  /// The host ends this connection, because its log file cannot be written any more.
  package mutating func stop(saying notice: String, at now: Moment) {
    guard end == nil else { return }
    let words: [UInt8]
    if isText {
      words = Array(
        "\(Transcript.system(notice))\n\(Transcript.bye(Farewell.shutdown.reason))\n".utf8)
    } else if isWaiting {
      words = PacketWriter.bye(.shutdown)
    } else {
      words = PacketWriter.notice(notice, at: now) + PacketWriter.bye(.shutdown)
    }
    outflow.closeAtRecorded(with: words)
    saidBye = true
    state = .over
    end = .afterSending
    unread = []
    pausedUntil = nil
  }
}
