import ChatCore
import Glibc
import Sockets
import Synchronization

/// A room's log file, open for writing by this process alone, and the parts that it was in before.
///
/// The present part has the name that the user gave; one that was finished has the id of its first
/// packet behind that: `room.log.1`.
package final class LogFile: Sendable {
  /// What is done when it cannot be written.
  package enum FailurePolicy: Sendable {
    /// The room closes.
    case stop
    /// The room goes on without it.
    case goOn
  }

  package struct Settings: Equatable, Sendable {
    package private(set) var path: String
    /// Whether each group of packets is on the disk before anyone receives it.
    package var syncs = false
    package var onFailure = FailurePolicy.stop
    /// Bytes of packets from which on a new part is begun; nil for one part for ever.
    package var maxSize: UInt64?

    package init(path: String) { self.path = path }

    /// The same, with the name of the file that its path leads to by a symbolic link.
    var atRealPath: Settings {
      var settings = self
      if let real = File.target(ofLink: path) { settings.path = real }
      return settings
    }
  }

  /// A part of the log.
  struct Part: Sendable {
    /// The id before its first packet.
    let after: Int64
    let path: String
  }

  private struct Writing: ~Copyable {
    var file: RecordFile
    var head: LogHead
    var size: UInt64
    /// Bytes from which on a new part is begun.
    var largest: UInt64
    /// Whether it is written no more.
    var isOver = false
  }

  package let settings: Settings
  private let writing: Mutex<Writing>
  private let allParts: Mutex<[Part]>

  /// - Parameters:
  ///   - size: bytes of the file.
  ///   - parts: those before the present one, the oldest first.
  init(
    _ file: consuming RecordFile, _ head: LogHead, size: UInt64, parts: [Part], settings: Settings
  ) {
    self.settings = settings
    writing = Mutex(
      Writing(
        file: file, head: head, size: size, largest: settings.maxSize.map { max(size, $0) } ?? .max)
    )
    allParts = Mutex(parts + [Part(after: head.lastID, path: settings.path)])
  }

  // MARK: Writing

  enum Outcome {
    /// All that waited is in the file and published.
    case recorded
    /// Nothing waited, or the file is written no more.
    case nothing
    /// The file cannot be written, and this is the first that is known of it.
    case failed(SystemError)
  }

  /// Writes what waits in the room, and lets everybody read it.
  /// - Parameter complain: is told why a part could not be begun; the present one goes on.
  func record(_ room: SharedRoom, complain: (String) -> Void) -> Outcome {
    writing.withLock { writing in
      guard !writing.isOver else { return .nothing }
      let isFull = writing.size >= writing.largest
      guard let group = room.withLock({ $0.takeUnrecorded(withSnapshot: isFull) }) else {
        return .nothing
      }
      do throws(SystemError) {
        try writing.file.write(group.bytes.span, at: writing.size)
        if settings.syncs { try writing.file.sync() }
      } catch {
        giveUp(&writing)
        return .failed(error)
      }
      writing.size += UInt64(group.bytes.count)
      group.publish()
      guard let snapshot = group.snapshot else { return .recorded }
      var name = settings.path
      do throws(SystemError) {
        try beginPart(snapshot, &writing, at: &name)
      } catch {
        writing.largest = writing.size + (settings.maxSize ?? 0)
        switch error.code {
        case ESTALE: complain("\(name) is another file now")
        case EEXIST: complain("\(name) is there already, and is none of its parts")
        default: complain("\(name): \(error.reason)")
        }
        return .recorded
      }
      do throws(SystemError) {
        if settings.syncs { try File.syncDirectory(of: settings.path) }
      } catch {
        // What is written now may be in a file without a name after a power cut.
        giveUp(&writing)
        return .failed(error)
      }
      return .recorded
    }
  }

  /// Waits until a group that is being written is in the file.
  func waitForGroup() { writing.withLock { _ in } }

  /// Leaves the file as a room can go on from, as far as a full disk allows it.
  private func giveUp(_ writing: inout Writing) {
    writing.isOver = true
    try? writing.file.truncate(to: writing.size)
    guard settings.onFailure == .goOn else { return }
    // In its place, which needs no room: packets come that this file will not have.
    let mark = LogHead.whole(false)
    try? writing.file.write(mark.span, at: UInt64(LogHead.offsetOfWhole))
    try? writing.file.sync()
  }

  /// Gives the present part its last name and goes on in a new one.
  /// - Parameter name: the file that it is about when this fails.
  private func beginPart(
    _ snapshot: RoomSnapshot, _ writing: inout Writing, at name: inout String
  ) throws(SystemError) {
    // The file may have been moved away, and another host may have its name.
    guard writing.file.isStill(at: settings.path) else { throw SystemError("stat", code: ESTALE) }
    let new = LogParts.pathOfNext(of: settings.path)
    name = new
    try removeLeftover(new, of: writing.head)
    let file = try RecordFile(new, for: .creating)
    do throws(SystemError) {
      try beginPart(in: file, named: new, snapshot, &writing, at: &name)
    } catch {
      File.remove(new)
      throw error
    }
    writing.file = file
  }

  /// Removes what a host of this room left that was killed while it began a part. What else has that
  /// name is somebody's, and stays.
  private func removeLeftover(_ path: String, of head: LogHead) throws(SystemError) {
    guard let file = try? RecordFile(path, for: .reading), try file.isRegular, try file.lock()
    else { return }
    let isEmpty = try file.size == 0
    let isOwn = try LogParts.head(of: path)?.room == head.room
    guard isEmpty || isOwn else { return }
    File.remove(path)
  }

  private func beginPart(
    in file: borrowing RecordFile, named new: String, _ snapshot: RoomSnapshot,
    _ writing: inout Writing, at name: inout String
  ) throws(SystemError) {
    let path = settings.path
    let old = LogParts.path(of: path, after: writing.head.lastID)
    let (head, bytes) = snapshot.beginning(after: writing.head)
    guard try file.lock() else { throw SystemError("flock", code: EWOULDBLOCK) }
    try file.write(bytes.span, at: 0)
    if settings.syncs { try file.sync() }
    name = old
    let after = writing.head.lastID
    try allParts.withLock { parts throws(SystemError) in
      // With both names for a moment there is always a file of the first.
      var hasMoved = false
      do throws(SystemError) {
        try File.link(path, as: old)
      } catch {
        switch error.code {
        // A host that was killed just here has done it already.
        case EEXIST where writing.file.isStill(at: old): break
        // File systems without hard links, such as FAT.
        case EPERM, EOPNOTSUPP:
          try File.rename(path, to: old)
          hasMoved = true
        default: throw error
        }
      }
      do throws(SystemError) {
        try File.rename(new, to: path)
      } catch {
        if hasMoved { try? File.rename(old, to: path) }
        throw error
      }
      parts[parts.count - 1] = Part(after: after, path: old)
      parts.append(Part(after: head.lastID, path: path))
    }
    writing.head = head
    writing.size = UInt64(bytes.count)
    writing.largest = writing.size + (settings.maxSize ?? 0)
  }

  // MARK: Reading

  /// Opens the part that has the packet after `id`; nil if there is none.
  /// - Returns: also where the next part begins, if there is one.
  func openPart(after id: Int64) throws(SystemError) -> OpenPart? {
    let isPresent = writing.withLock { $0.file.isStill(at: settings.path) }
    return try allParts.withLock { parts throws(SystemError) in
      guard let index = parts.lastIndex(where: { $0.after <= id }) else { return nil }
      let next = index + 1 < parts.count ? parts[index + 1].after : nil
      // What has its name now is another room's.
      guard next != nil || isPresent else { throw SystemError("open", code: ENOENT) }
      return OpenPart(
        file: try RecordFile(parts[index].path, for: .reading), after: parts[index].after,
        nextAfter: next)
    }
  }

  /// The last id of the part that has the packet after `id`; nil for the present part.
  func endOfPart(after id: Int64) -> Int64? {
    allParts.withLock { parts in parts.first { $0.after > id }?.after }
  }

  struct OpenPart: ~Copyable {
    let file: RecordFile
    /// The id before its first packet.
    let after: Int64
    /// The id before the next part's first packet; nil for the present part.
    let nextAfter: Int64?
  }
}
