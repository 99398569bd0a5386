import ChatCore

/// The connections of one worker, each in a slot of its own.
///
/// A slot is used again, in a generation of its own, so that what is said of a connection that is gone
/// is never taken for one that came after it.
struct ConnectionTable {
  private let worker: UInt16
  private var slots: [Connection?] = []
  private var generations: [UInt32] = []
  private var freeSlots: [Int] = []

  init(worker: Int) { self.worker = UInt16(worker) }

  var isEmpty: Bool { freeSlots.count == slots.count }

  var all: some Sequence<Connection> { slots.lazy.compactMap { $0 } }

  /// All slots, for going through them while connections come and go.
  var indices: Range<Int> { slots.indices }

  subscript(slot slot: Int) -> Connection? { slots[slot] }

  /// The connection with this id; nil for one that is gone.
  subscript(id: ConnectionID) -> Connection? {
    let slot = Int(id.slot)
    guard slot < slots.count, generations[slot] == id.generation else { return nil }
    return slots[slot]
  }

  /// The connection that the poller knows by this tag; nil for one that is gone.
  subscript(tag tag: UInt64) -> Connection? {
    self[
      ConnectionID(
        worker: worker, slot: UInt32(truncatingIfNeeded: tag),
        generation: UInt32(truncatingIfNeeded: tag >> 32))]
  }

  /// What the poller knows a connection by. None is as large as the tags of what is no connection: its
  /// generation would have to be the largest number there is.
  static func tag(_ id: ConnectionID) -> UInt64 { UInt64(id.generation) << 32 | UInt64(id.slot) }

  func holds(_ connection: Connection) -> Bool { self[connection.id] === connection }

  /// An id for a connection that is to be inserted next.
  mutating func freeID() -> ConnectionID {
    let slot = freeSlots.popLast() ?? slots.count
    if slot == slots.count {
      slots.append(nil)
      generations.append(0)
    }
    return ConnectionID(worker: worker, slot: UInt32(slot), generation: generations[slot])
  }

  mutating func insert(_ connection: Connection) { slots[Int(connection.id.slot)] = connection }

  /// Lets go of a connection that is here.
  mutating func remove(_ connection: Connection) {
    let slot = Int(connection.id.slot)
    slots[slot] = nil
    generations[slot] &+= 1
    freeSlots.append(slot)
  }
}
