import ChatCore

/// Where in a room's stream a client joined it: what was said before is past. A connection that was
/// lost and made again changes nothing about that; another room counts from its own beginning.
package struct JoinPoint {
  private var room: String?
  /// The last id of the stream then; nil before this client is in.
  private var id: Int64?

  package init() {}

  package mutating func note(_ packet: HostPacket) {
    switch packet {
    case .hello(let hello):
      if hello.room != room { id = nil }
      room = hello.room
    case .authResult(.accepted(let admission)):
      id = id ?? admission.id ?? 0
    default: break
    }
  }

  /// Whether a message was said before this client came.
  package func isPast(_ chat: HostPacket.Chat) -> Bool {
    guard let id else { return true }
    // Version 1 has no ids, and no past.
    return chat.id.map { $0 <= id } ?? false
  }
}
