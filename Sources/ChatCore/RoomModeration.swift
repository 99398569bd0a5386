/// What the operator does with members, and sees of them.
extension Room {
  /// A member, as the operator sees it.
  package struct MemberDescription: Sendable {
    package let name: String
    /// Where it came from, for people.
    package let address: String
    package let origin: Origin
    /// When it came into the room, in milliseconds since the Unix epoch.
    package let since: Int64
    package let dialect: Dialect
    /// Nil while its connection is lost and its place is kept.
    package let connection: ConnectionID?
  }

  /// All members, in the order of their places.
  package func describeMembers() -> [MemberDescription] {
    members.compactMap { member in
      guard let member else { return nil }
      return MemberDescription(
        name: member.name.text, address: member.address, origin: member.origin,
        since: member.since, dialect: member.dialect, connection: member.connection)
    }
  }

  package enum KickFailure: Error, Equatable, Sendable { case noSuchMember }

  /// Puts a member out: the room sees a `kick` and a `count`, and no `leave` (PROTOCOL.md, section 5).
  /// - Parameter reason: for the room and for the member; empty for none.
  /// - Returns: where it came from, and the end of its connection if it has one.
  package mutating func kick(_ name: String, reason: String, at now: Moment)
    throws(KickFailure) -> (name: String, origin: Origin, end: Delivery?)
  {
    advance(to: now)
    guard let index = indicesByName[NameRules.fold(name)], let member = members[index] else {
      throw .noSuchMember
    }
    if member.connection != nil { stream.unfollow(as: member.dialect) }
    remove(Handle(index: index, joinID: member.joinID))
    stream.lastID += 1
    stream.appendSystem(
      "kick", member.name, text: Transcript.kicked(member.name.text, reason: reason), id: lastID,
      at: now)
    stream.appendCount(memberCount)
    let farewell = Farewell.kicked(reason: reason.isEmpty ? "The operator put you out." : reason)
    let end = member.connection.map {
      Delivery(connection: $0, content: .end(farewell, name: member.name.text))
    }
    return (member.name.text, member.origin, end)
  }

  package enum BanFailure: Error, Equatable, Sendable { case full, known, unknown }

  /// Keeps those who come from there out from now on; who is in the room stays.
  package mutating func ban(_ block: OriginBlock) throws(BanFailure) {
    if bans.contains(block) { throw .known }
    guard bans.count < Limits.bans else { throw .full }
    bans.append(block)
  }

  package mutating func unban(_ block: OriginBlock) throws(BanFailure) {
    guard let index = bans.firstIndex(of: block) else { throw .unknown }
    bans.remove(at: index)
  }

  func isBanned(_ origin: Origin) -> Bool { bans.contains { $0.contains(origin) } }
}
