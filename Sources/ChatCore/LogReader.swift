/// Reads a log file from its first byte, in stretches of any length.
///
/// Its input may be anybody's: every bound is checked before memory is taken.
package struct LogReader: Sendable {
  private var lines = LineReader(limit: Limits.hostLine)
  private var lineNumber = 1
  /// Bytes taken so far.
  private var taken: UInt64 = 0
  private var room: RestoredRoom?
  private let history: Int
  private let earlier: RestoredRoom?
  /// Where the last step ends that is there whole.
  package private(set) var wholeEnd: UInt64 = 0
  /// Lines of a step whose last note has not come yet, and their bytes.
  private var step: [(line: LogLine, bytes: [UInt8])] = []
  private var stepBytes = 0
  /// An over-long line began; it is only a torn one if the file ends in it.
  private var isInLongLine = false

  /// - Parameters:
  ///   - history: past packets to keep in memory.
  ///   - earlier: the part of the log before this one, whose packets are kept as well.
  package init(history: Int, after earlier: RestoredRoom? = nil) {
    self.history = history
    self.earlier = earlier
  }

  /// The first line, once it has been read.
  package var head: LogHead? { room?.head }

  /// Whether all packets that have been read are kept, so that there is room for earlier ones.
  package var keepsAll: Bool { room.map { $0.keepsAll(after: $0.head.lastID) } ?? false }

  /// Takes the next bytes of the file.
  package mutating func receive(_ bytes: Span<UInt8>) throws(LogFailure) {
    do throws(LogFailure.Reason) {
      try read(bytes)
    } catch {
      throw LogFailure(line: lineNumber, reason: error)
    }
  }

  private mutating func read(_ bytes: Span<UInt8>) throws(LogFailure.Reason) {
    defer { taken += UInt64(bytes.count) }
    var start = 0
    while start < bytes.count {
      if isInLongLine {
        guard bytes.firstIndex(of: UInt8(ascii: "\n"), from: start) == nil else {
          throw .lineTooLong
        }
        return
      }
      switch lines.next(in: bytes, from: &start) {
      case .line(let range):
        try take(bytes.extracting(range), end: taken + UInt64(start))
      case .joined:
        let line = lines.takeJoined()
        try take(line.span, end: taken + UInt64(start))
      case .needsMore: return
      case .tooLong: isInLongLine = true
      }
    }
  }

  private mutating func take(_ line: Span<UInt8>, end: UInt64) throws(LogFailure.Reason) {
    if room == nil {
      room = RestoredRoom(try LogHead(line), history: history, after: earlier)
      wholeEnd = end
    } else {
      try takePacketOrNote(line, end: end)
    }
    lineNumber += 1
  }

  private mutating func takePacketOrNote(_ line: Span<UInt8>, end: UInt64)
    throws(LogFailure.Reason)
  {
    let read = try LogLine(line)
    switch read {
    case .system(_, hasNotes: true), .note(_, hasMore: true): try delay(read, line)
    case .chat, .system, .count:
      if step.isEmpty {
        try room?.apply(read, line)
        wholeEnd = end
      } else {
        try delay(read, line)
      }
    case .note(_, hasMore: false):
      for (line, bytes) in step { try room?.apply(line, bytes.span) }
      step.removeAll()
      stepBytes = 0
      try room?.apply(read, line)
      wholeEnd = end
    }
  }

  private mutating func delay(_ read: LogLine, _ line: Span<UInt8>) throws(LogFailure.Reason) {
    var bytes: [UInt8] = []
    if case .note = read {} else { bytes.append(line) }
    stepBytes += bytes.count
    guard step.count < Limits.linesOfAStep, stepBytes <= Limits.bytesOfAStep else {
      throw .tooMuch
    }
    step.append((read, bytes))
  }

  // MARK: The end

  package enum Found: Sendable {
    /// A room; what stands behind ``LogReader/wholeEnd`` was not written whole.
    case room(RestoredRoom)
    /// Nothing, or less than a first line: the room never was.
    case nothing
  }

  /// The file has ended.
  package mutating func finish() throws(LogFailure) -> Found {
    if let room { return .room(room) }
    let rest = lines.takeUnfinished()
    guard !isInLongLine, LogHead.mayBegin(with: rest.span) else {
      throw LogFailure(line: 1, reason: .notALog)
    }
    return .nothing
  }
}
