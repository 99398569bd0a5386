import ChatCore
import Glibc
import Sockets

/// A log file that this process has taken and read, and not yet changed.
package struct LogOpening: ~Copyable {
  package enum Failure: Error {
    /// Another host has it.
    case inUse
    case notAFile
    case damaged(LogFailure)
    /// There is nothing in it, but beside it are parts of one that had its name: `first` is the oldest,
    /// and `next`, if there is one, goes on where the last of them ends.
    case lacksPresentPart(first: String, next: String?)
    /// Its finished parts cannot be looked for.
    case parts(SystemError)
    case system(SystemError)
  }

  private let settings: LogFile.Settings
  private let file: RecordFile
  private let size: UInt64
  private var reader: LogReader
  /// The finished ones.
  private let parts: [LogFile.Part]
  /// The room that the file holds; nil where a new one begins.
  package let restored: RestoredRoom?

  /// Takes a log file and reads it. One that is not there is made.
  /// - Parameter history: past packets to keep in memory.
  package static func open(_ settings: LogFile.Settings, history: Int) throws(Failure)
    -> LogOpening
  {
    let isNew: Bool
    do throws(SystemError) {
      isNew = try File.status(settings.path) == nil
    } catch {
      throw .system(error)
    }
    let file = try take(settings.path)
    // Its parts stand beside the file, not beside a link to it.
    let settings = settings.atRealPath
    var reader = LogReader(history: history)
    var size = try read(file, into: &reader)
    let parts: [LogFile.Part]
    do throws(Failure) {
      parts = try finishedParts(of: settings.path, before: reader.head)
    } catch {
      if isNew { File.remove(settings.path) }
      throw error
    }
    if history > 0, reader.keepsAll, let earlier = Self.room(at: parts, history: history) {
      // Once more, behind packets that an earlier part has: there are few in this one.
      reader = LogReader(history: history, after: earlier)
      size = try read(file, into: &reader)
    }
    do throws(LogFailure) {
      let restored: RestoredRoom? =
        switch try reader.finish() {
        case .room(let room): room
        case .nothing: nil
        }
      return LogOpening(
        settings: settings, file: file, size: size, reader: reader, parts: parts,
        restored: restored)
    } catch {
      throw .damaged(error)
    }
  }

  private init(
    settings: LogFile.Settings, file: consuming RecordFile, size: UInt64, reader: LogReader,
    parts: [LogFile.Part], restored: RestoredRoom?
  ) {
    self.settings = settings
    self.file = file
    self.size = size
    self.reader = reader
    self.parts = parts
    self.restored = restored
  }

  private static func take(_ path: String) throws(Failure) -> RecordFile {
    let file = try opened(path)
    let isFile: Bool
    let isTaken: Bool
    do throws(SystemError) {
      isFile = try file.isRegular
      isTaken = isFile ? try file.lock() : false
    } catch {
      throw .system(error)
    }
    guard isFile else { throw .notAFile }
    // Another host may have begun a new part between opening and taking it.
    guard isTaken, file.isStill(at: path) else { throw .inUse }
    return file
  }

  private static func opened(_ path: String) throws(Failure) -> RecordFile {
    do throws(SystemError) {
      return try RecordFile(path, for: .appending)
    } catch {
      throw .system(error)
    }
  }

  private static func finishedParts(of path: String, before head: LogHead?) throws(Failure)
    -> [LogFile.Part]
  {
    let stray: (first: String, next: String?)
    do throws(SystemError) {
      if let head { return try LogParts.find(of: path, before: head) }
      guard let first = try LogParts.first(of: path) else { return [] }
      let next = LogParts.pathOfNext(of: path)
      stray = (first, try LogParts.head(of: next) == nil ? nil : next)
    } catch {
      throw .parts(error)
    }
    throw .lacksPresentPart(first: stray.first, next: stray.next)
  }

  /// The room as it was at the end of the last part, with the packets of as many parts as are to be
  /// kept; nil where that part cannot be read. Nobody misses one who does not ask for its packets.
  private static func room(at parts: [LogFile.Part], history: Int) -> RestoredRoom? {
    var count = 1
    while true {
      var room: RestoredRoom?
      for part in parts.suffix(count) { room = self.room(at: part, after: room, history: history) }
      // Not all ids are packets', so only the packets tell how many parts it takes.
      guard let room, count < parts.count, let first = parts.suffix(count).first,
        room.keepsAll(after: first.after)
      else { return room }
      count *= 2
    }
  }

  private static func room(
    at part: LogFile.Part, after earlier: RestoredRoom?, history: Int
  ) -> RestoredRoom? {
    var reader = LogReader(history: history, after: earlier)
    guard (try? read(RecordFile(part.path, for: .reading), into: &reader)) != nil,
      case .room(let room)? = try? reader.finish()
    else { return nil }
    return room
  }

  /// Returns the file's size in bytes.
  private static func read(_ file: borrowing RecordFile, into reader: inout LogReader)
    throws(Failure) -> UInt64
  {
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    var offset: UInt64 = 0
    while true {
      let count: Int
      do throws(SystemError) {
        count = try file.read(into: &buffer, at: offset)
      } catch {
        throw .system(error)
      }
      guard count > 0 else { return offset }
      offset += UInt64(count)
      do throws(LogFailure) {
        try reader.receive(buffer.span.extracting(first: count))
      } catch {
        throw .damaged(error)
      }
    }
  }

  /// Bytes at the end that were not written whole, by a host that was killed or a disk that was full.
  package var tornBytes: UInt64 { size - reader.wholeEnd }

  /// Makes the file ready to be written.
  /// - Parameter head: the first line of a new one.
  package consuming func begin(_ head: LogHead) throws(Failure) -> (LogFile, RestoredRoom) {
    do throws(SystemError) {
      try file.keepPrivate()
      var whole = reader.wholeEnd
      if size > whole { try file.truncate(to: whole) }
      if let restored, !restored.head.isWhole {
        // Ids that may have been given while the room went on without this file are left out.
        let id = restored.lastID + Limits.idsLeftOut
        guard id <= Limits.largestLogID else { throw SystemError("write", code: EOVERFLOW) }
        let note = LogNote.lost(id: id).line
        try file.write(note.span, at: whole)
        try file.sync()
        try file.write(LogHead.whole(true).span, at: UInt64(LogHead.offsetOfWhole))
        try receive(note)
        whole += UInt64(note.count)
      }
      if restored == nil {
        try file.write(head.line.span, at: 0)
        try receive(head.line)
        whole = UInt64(head.line.count)
      }
      if settings.syncs {
        try file.sync()
        try File.syncDirectory(of: settings.path)
      }
      guard case .room(var room) = try? reader.finish() else {
        throw SystemError("read", code: EIO)
      }
      room.noteOldest(after: parts.first?.after ?? room.head.lastID)
      let log = LogFile(file, room.head, size: whole, parts: parts, settings: settings)
      return (log, room)
    } catch {
      throw .system(error)
    }
  }

  private mutating func receive(_ line: [UInt8]) throws(SystemError) {
    // A line of this program's own: it reads what it writes.
    do { try reader.receive(line.span) } catch { throw SystemError("read", code: EIO) }
  }
}
