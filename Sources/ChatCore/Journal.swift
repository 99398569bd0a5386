import Synchronization

/// How far a room's log file has come, in bytes since the host started: what waits for its own
/// record goes by it, on all threads.
package final class Recording: Sendable {
  private let appendedBytes = Atomic<UInt64>(0)
  private let recordedBytes = Atomic<UInt64>(0)

  init() {}

  /// The bytes that are to be in the file.
  package var appended: UInt64 { appendedBytes.load(ordering: .acquiring) }
  /// The bytes that are.
  package var recorded: UInt64 { recordedBytes.load(ordering: .acquiring) }
  /// Bytes that wait.
  package var waiting: Int { Int(clamping: appended - min(appended, recorded)) }

  fileprivate func append(to end: UInt64) { appendedBytes.store(end, ordering: .releasing) }
  fileprivate func record(to end: UInt64) { recordedBytes.store(end, ordering: .releasing) }
}

/// What a room has to write down before anyone receives it: its packets, and notes about what they
/// do not say, see ``LogNote``.
struct Journal: Sendable {
  let recording: Recording
  private var bytes: [UInt8] = []
  private var notes: [LogNote] = []
  private var end: UInt64 = 0

  init(_ recording: Recording) { self.recording = recording }

  /// Takes a packet, its line end included.
  mutating func append(_ packet: [UInt8]) {
    bytes.append(packet.span)
    end += UInt64(packet.count)
    recording.append(to: end)
  }

  /// Takes a note; it follows the packets of the same step of the room, see ``endStep()``.
  mutating func append(_ note: LogNote) { notes.append(note) }

  /// What the room did is complete: the notes about it come behind its packets, and all but the last
  /// say that more follow. So a file that was cut anywhere holds a step whole or is known not to.
  mutating func endStep() {
    guard !notes.isEmpty else { return }
    var writer = PacketWriter()
    for (index, note) in notes.enumerated() {
      note.write(to: &writer, hasMore: index < notes.count - 1)
      append(writer.bytes)
    }
    notes.removeAll(keepingCapacity: true)
  }

  /// Takes out what has not been recorded yet.
  mutating func takeAll() -> (bytes: [UInt8], end: UInt64) {
    endStep()
    let taken = bytes
    bytes = []
    // Groups are much alike, and growing costs copies.
    bytes.reserveCapacity(min(taken.count, Limits.hostLine))
    return (taken, end)
  }

  /// Nothing waits for the file any more: there is none.
  mutating func abandon() {
    endStep()
    recording.record(to: end)
  }
}

/// A stretch of the journal on its way into the log file.
package struct UnrecordedGroup: Sendable {
  package let bytes: [UInt8]
  let recording: Recording
  let recordedEnd: UInt64
  /// The room's logs, and how far they may be read once the bytes are in the file.
  var published: [(log: LogPublication, end: LogPosition)]
  /// What a new part of the file begins with, if it was asked for.
  package var snapshot: RoomSnapshot?

  /// The bytes are in the file: lets everybody read what they are about.
  package func publish() {
    recording.record(to: recordedEnd)
    for (log, end) in published { log.publish(end) }
  }
}
