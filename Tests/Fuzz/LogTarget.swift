import ChatCore

/// A log file, whoever wrote it. In pieces it reads as it does whole; one that is cut short anywhere
/// is the room up to its last whole step; and the room that comes of it is one that can be joined.
func examine(_ bytes: [UInt8]) throws {
  let whole = Outcome(bytes, piece: bytes.count + 1)
  for piece in [1, 7] where Outcome(bytes, piece: piece) != whole {
    throw Broken("another room in pieces of \(piece)")
  }
  guard case .room(_, _, let end) = whole else { return }
  guard end <= UInt64(bytes.count), Outcome(Array(bytes[..<Int(end)]), piece: 7) == whole else {
    throw Broken("the room is not what stands before its end")
  }
  for part in [bytes.count / 3, bytes.count / 2, bytes.count - 1] {
    if case .failure(let words) = Outcome(Array(bytes[..<part]), piece: part + 1) {
      throw Broken("cut short at \(part): \(words)")
    }
  }
  try join(bytes)
}

private enum Outcome: Equatable {
  case nothing
  case room(lastID: Int64, members: Int, end: UInt64)
  case failure(String)

  init(_ bytes: [UInt8], piece: Int) {
    do throws(LogFailure) {
      var reader = LogReader(history: 5)
      var place = 0
      while place < bytes.count {
        let next = min(place + piece, bytes.count)
        try reader.receive(bytes.span.extracting(place..<next))
        place = next
      }
      switch try reader.finish() {
      case .nothing: self = .nothing
      case .room(let room):
        self = .room(lastID: room.lastID, members: room.memberCount, end: reader.wholeEnd)
      }
    } catch {
      self = .failure(error.words)
    }
  }
}

/// Somebody joins the room that stands in the file, and hears what is said.
private func join(_ bytes: [UInt8]) throws {
  var reader = LogReader(history: 5)
  try reader.receive(bytes.span)
  guard case .room(let restored) = try reader.finish(), restored.lastID < 1 << 50 else { return }
  let settings = Room.Settings(id: Conversation.roomID, tokenKey: TokenKey { _ in nil })
  let now = Moment(monotonic: 1_000_000_000, unixMilliseconds: 1_763_857_000_000)
  let room = SharedRoom(Room(settings, restored: restored, at: now))
  let lastID = room.withLock { $0.lastID }
  guard lastID >= restored.lastID else { throw Broken("ids go back") }
  var session = HostSession(
    id: ConnectionID(worker: 0, slot: 0, generation: 0), from: "127.0.0.1:1", rate: 0, at: now)
  session.begin(with: PacketWriter.hello(settings), at: now)
  for line in [
    "{\"type\":\"auth\",\"version\":2,\"name\":\"newcomer\",\"history\":9}",
    "{\"type\":\"chat\",\"text\":\"hello\"}",
  ] {
    _ = session.receive(Array((line + "\n").utf8).span, in: room, at: now)
  }
  let (names, members, last) = room.withLock { ($0.names(), $0.memberCount, $0.lastID) }
  guard Set(names).count == min(members, Limits.membersListed), last > lastID else {
    throw Broken("\(members) members have the names \(names)")
  }
}
