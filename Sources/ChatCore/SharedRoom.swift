import Synchronization

/// A room that several threads serve: one short critical section for each thing that is done in it.
package final class SharedRoom: Sendable {
  private let room: Mutex<Room>
  /// How far the stream goes, without taking the lock.
  package let publication: LogPublication
  package let settings: Room.Settings
  private let throttle = Mutex(Throttle())

  package convenience init(_ settings: Room.Settings) { self.init(Room(settings)) }

  package init(_ room: sending Room) {
    settings = room.settings
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
