import Synchronization

/// A room that several threads serve: one short critical section for each thing that is done in it.
package final class SharedRoom: Sendable {
  private let room: Mutex<Room>
  /// How far the stream goes, without taking the lock.
  package let publication: LogPublication
  package let settings: Room.Settings
  private let throttle = Mutex(Throttle())
  /// Hands something to the worker of another connection.
  private let courier: (@Sendable (Delivery) -> Void)?

  package convenience init(
    _ settings: Room.Settings, courier: (@Sendable (Delivery) -> Void)? = nil
  ) {
    self.init(Room(settings), courier: courier)
  }

  /// - Parameter courier: hands private messages over where several workers serve the room; is called
  ///   while the room is locked.
  package init(_ room: sending Room, courier: (@Sendable (Delivery) -> Void)? = nil) {
    settings = room.settings
    self.courier = courier
    publication = room.log.publication
    nextDeadline.store(room.deadline ?? .max, ordering: .relaxed)
    self.room = Mutex(room)
  }

  private let nextDeadline = Atomic<UInt64>(.max)

  /// When ``Room/advance(to:)`` has something to do, without taking the lock: nanoseconds of the
  /// monotonic clock, `UInt64.max` for never.
  package var deadline: UInt64 { nextDeadline.load(ordering: .relaxed) }

  private let messages = Atomic<Int64>(0)

  /// Messages to everybody so far, without taking the lock.
  package var messageCount: Int64 { messages.load(ordering: .relaxed) }

  /// Charges a guess of the password; false if there must be none now.
  func charge(_ source: Throttle.Source, at now: Moment) -> Bool {
    throttle.withLock { $0.charge(source, at: now.monotonic) }
  }

  /// Whether those who come from there are kept out.
  func isBanned(_ origin: Origin) -> Bool { withLock { $0.isBanned(origin) } }
  /// How far the room's log file has come; nil without one.
  package var recording: Recording? { publication.recording }

  /// Hands over what is for connections of other workers than `worker`, and returns the rest. To be
  /// called while the room is locked: so whoever sees what is said later finds this already there.
  func handOver(_ deliveries: [Delivery], from worker: UInt16) -> [Delivery] {
    guard let courier else { return deliveries }
    return deliveries.filter { delivery in
      guard delivery.connection.worker != worker else { return true }
      courier(delivery)
      return false
    }
  }

  func giveBack(_ source: Throttle.Source) { throttle.withLock { $0.giveBack(source) } }

  @inline(__always)
  package func withLock<R: ~Copyable, E: Error>(_ body: (inout sending Room) throws(E) -> sending R)
    throws(E) -> sending R
  {
    try room.withLock { room throws(E) in
      defer {
        room.endStep()
        nextDeadline.store(room.deadline ?? .max, ordering: .relaxed)
        messages.store(room.messageCount, ordering: .relaxed)
      }
      return try body(&room)
    }
  }
}
