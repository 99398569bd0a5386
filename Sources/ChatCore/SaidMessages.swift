/// What a client said and does not yet know to be in the room, in order (PROTOCOL.md, section 7).
struct SaidMessages: Sendable {
  struct Message: Sendable {
    /// The client's own, for those who wait for it.
    let id: Int64
    let text: String
    let recipient: String?
    /// What it goes by in the room; nil before it is sent for the first time.
    var number: MessageNumber?
    /// Where it begins in what this connection sends; nil if it has not been sent over it.
    var start: Int?
  }

  private(set) var messages: [Message] = []
  /// How many of them, the first ones, have been sent over this connection.
  private var sentCount = 0
  /// Bytes of their texts.
  private(set) var bytes = 0

  var count: Int { messages.count }
  var first: Message? { messages.first }
  var unsentCount: Int { messages.count - sentCount }
  var firstUnsent: Message? { sentCount < messages.count ? messages[sentCount] : nil }

  mutating func append(_ message: Message) {
    messages.append(message)
    bytes += message.text.utf8.count
  }

  /// Notes that the first of those not sent is on its way.
  mutating func markSent(as number: MessageNumber, start: Int) {
    messages[sentCount].number = number
    messages[sentCount].start = start
    sentCount += 1
  }

  mutating func remove(where isMeant: (Message) -> Bool) -> Message? {
    guard let index = messages.firstIndex(where: isMeant) else { return nil }
    let message = messages.remove(at: index)
    bytes -= message.text.utf8.count
    if index < sentCount { sentCount -= 1 }
    return message
  }

  /// The connection is gone: all of them are to be sent again.
  mutating func unsend() {
    sentCount = 0
    for index in messages.indices { messages[index].start = nil }
  }

  /// All of them are to be sent again, under other numbers.
  mutating func renumber() {
    unsend()
    for index in messages.indices { messages[index].number = nil }
  }
}
