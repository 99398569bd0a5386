import ChatCore
import Sockets

/// The names of a log's finished parts.
enum LogParts {
  /// - Parameter id: the id before the part's first packet.
  static func path(of log: String, after id: Int64) -> String { "\(log).\(id + 1)" }

  /// What a part is named while it is begun.
  static func pathOfNext(of log: String) -> String { "\(log).new" }

  /// The finished parts beside a log that belong to the same room, the oldest first.
  static func find(of log: String, before head: LogHead) throws(SystemError) -> [LogFile.Part] {
    var parts: [LogFile.Part] = []
    for after in try places(of: log) where after < head.lastID {
      let path = path(of: log, after: after)
      guard let found = try self.head(of: path), found.room == head.room, found.lastID == after
      else { continue }
      parts.append(LogFile.Part(after: after, path: path))
    }
    return parts
  }

  /// The oldest file beside a log that is a finished part of some room's; nil for none.
  static func first(of log: String) throws(SystemError) -> String? {
    for after in try places(of: log) {
      let path = path(of: log, after: after)
      if try head(of: path)?.lastID == after { return path }
    }
    return nil
  }

  /// The ids before the first packets of what is named like a log's finished parts, the smallest
  /// first.
  private static func places(of log: String) throws(SystemError) -> [Int64] {
    let name = log.split(separator: "/").last.map(String.init) ?? log
    return try File.names(in: File.directory(of: log)).compactMap { entry in
      // By bytes, as the file system compares names.
      let beginning = "\(name).".utf8
      guard entry.utf8.starts(with: beginning),
        let first = Int64(String(Substring(entry.utf8.dropFirst(beginning.count)))), first >= 1
      else { return nil }
      return first - 1
    }.sorted()
  }

  /// The first line of a part; nil if that is none.
  static func head(of path: String) throws(SystemError) -> LogHead? {
    guard let file = try? RecordFile(path, for: .reading), try file.isRegular else { return nil }
    var reader = LogReader(history: 0)
    var buffer = [UInt8](repeating: 0, count: 4 << 10)
    var offset: UInt64 = 0
    while reader.head == nil, offset < UInt64(Limits.hostLine) {
      let count = try file.read(into: &buffer, at: offset)
      guard count > 0 else { return nil }
      offset += UInt64(count)
      do throws(LogFailure) {
        try reader.receive(buffer.span.extracting(first: count))
      } catch {
        // What stands behind the first line is read when somebody needs it.
        return reader.head
      }
    }
    return reader.head
  }
}
