/// What a client missed while its connection was lost: it is counted before it is shown
/// (PROTOCOL.md, section 7).
struct Backlog: Sendable {
  /// The last id of the stream when the client came again.
  let end: Int64
  /// What came of it so far, while it is held back.
  private(set) var held: [ClientSession.Event] = []
  /// Messages of others among it.
  private(set) var missed = 0
  private var bytes = 0
  /// Whether it is shown as it comes: it is too much to be held back, or cannot be counted.
  var isReleased: Bool

  init(end: Int64, isReleased: Bool = false) {
    self.end = end
    self.isReleased = isReleased
  }

  /// Goes on where the connection was lost once more.
  init(end: Int64, after other: Backlog?) {
    self.init(end: end)
    guard let other, !other.isReleased else { return }
    held = other.held
    missed = other.missed
    bytes = other.bytes
  }

  /// Whether no more of it is held back than may be.
  var hasRoom: Bool { bytes < Limits.backlogHeld }

  mutating func hold(_ event: ClientSession.Event, bytes count: Int, isMessage: Bool) {
    held.append(event)
    bytes += count
    if isMessage { missed += 1 }
  }

  mutating func takeHeld() -> [ClientSession.Event] {
    let events = held
    held = []
    return events
  }
}
