/// A room and its log file: what a host writes down, and goes on with.
extension Room {
  /// A room that goes on with what its log file says, and has what happens written into it.
  ///
  /// Its members have lost their connections: they keep their places for a while, as always.
  package init(_ settings: Settings, restored: RestoredRoom, at now: Moment) {
    self.init(settings, stream: RoomStream(settings, restored: restored))
    wholeFrom = restored.wholeFrom
    senders = restored.senders
    hostNumber = restored.hostNumber
    lastNumber = Int(clamping: restored.lastNumber)
    // In the order in which they came, so that they go in one, too.
    for (joinID, member) in restored.members.sorted(by: { $0.key < $1.key }) {
      let handle = restore(
        Member(
          name: member.name, joinID: joinID, address: "", origin: .unknown,
          since: now.unixMilliseconds, dialect: .packets, connection: nil))
      lost.append((now.monotonic + (member.hasToken ? Limits.lostMemberGrace : 0), handle))
    }
    lost.sort { $0.deadline < $1.deadline }
    if let untold = restored.untold {
      announcements.takeOver(joins: untold.joins, leaves: untold.leaves)
    }
  }

  /// Ends a step: what was done since the last goes into the file whole or not at all.
  @inline(__always)
  mutating func endStep() { stream.endStep() }

  /// Takes out what has to be in the log file before anyone receives it; nil if that is nothing.
  /// - Parameter withSnapshot: whether a new part of the file begins behind it.
  package mutating func takeUnrecorded(withSnapshot: Bool = false) -> UnrecordedGroup? {
    var group = stream.takeUnrecorded()
    if withSnapshot { group?.snapshot = snapshot }
    return group
  }

  /// Goes on without the log file: what waited for it is for everybody to read.
  package mutating func abandonLog() {
    stream.abandonJournal()
    wholeFrom = nil
  }

  /// The log file no longer has packets up to this id.
  package mutating func forgetRecorded(through id: Int64) {
    if let known = wholeFrom { wholeFrom = max(known, id) }
  }

  /// Says something to everybody that nobody in the room said.
  package mutating func notice(_ text: String, at now: Moment) {
    advance(to: now)
    stream.lastID += 1
    stream.appendSystem("notice", nil, text: text, id: lastID, at: now)
  }

  /// Takes what the room is now, for a new part of its log file.
  var snapshot: RoomSnapshot {
    RoomSnapshot(
      lastID: lastID, wholeFrom: wholeFrom ?? lastID, hostNumber: hostNumber,
      lastNumber: Int64(lastNumber),
      members: members.compactMap { member in
        member.map {
          .joined(join: $0.joinID, name: $0.name.text, hasToken: $0.dialect == .packets)
        }
      }, senders: senders)
  }
}

/// What a room is at one place of its stream, apart from its packets.
package struct RoomSnapshot: Sendable {
  package let lastID: Int64
  let wholeFrom: Int64
  let hostNumber: Int64
  let lastNumber: Int64
  /// All who are there.
  let members: [LogNote]
  let senders: SenderTable

  /// What a part of a log file begins with that goes on here.
  package func beginning(after head: LogHead) -> (head: LogHead, bytes: [UInt8]) {
    var head = head
    // What an earlier part may lack, it tells of by `wholeFrom`.
    head.isWhole = true
    head.lastID = lastID
    head.wholeFrom = wholeFrom
    head.hostNumber = hostNumber
    head.lastNumber = lastNumber
    var bytes = head.line
    var writer = PacketWriter()
    for note in members {
      note.write(to: &writer, hasMore: false)
      bytes.append(writer.bytes.span)
    }
    for (number, owner) in senders.all {
      LogNote.said(number, owner: owner).write(to: &writer, hasMore: false)
      bytes.append(writer.bytes.span)
    }
    return (head, bytes)
  }
}
