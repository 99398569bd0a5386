/// Packets that a client missed and that are no longer in memory: they are read from the log file.
package struct OlderPackets: Equatable, Sendable {
  /// Where reading goes on.
  package struct Place: Equatable, Sendable {
    /// The id before the first packet of the part of the log.
    package let part: Int64
    /// Bytes of that part.
    package let offset: UInt64

    package init(part: Int64, offset: UInt64) {
      self.part = part
      self.offset = offset
    }
  }

  /// The id before the first of them.
  package var after: Int64
  /// The id of the last.
  package let through: Int64
  package var place: Place?

  package init(after: Int64, through: Int64) {
    self.after = after
    self.through = through
  }
}

/// Some of those packets, on their way from the file to the client.
package struct OlderStretch: Sendable {
  private let wanted: OlderPackets
  /// The newest id that has been seen.
  package private(set) var lastID: Int64
  package private(set) var bytes: [UInt8] = []
  package private(set) var isComplete: Bool
  package var place: OlderPackets.Place?
  private var hasBegun: Bool

  package init(_ wanted: OlderPackets) {
    self.wanted = wanted
    lastID = wanted.after
    place = wanted.place
    // What goes on has its beginning behind it: its counts belong to it.
    hasBegun = wanted.place != nil
    isComplete = wanted.after >= wanted.through
  }

  /// Whether it is enough for now.
  package var isFull: Bool { isComplete || bytes.count >= Limits.olderPackets }

  /// What is left.
  package var rest: OlderPackets {
    var rest = wanted
    rest.after = lastID
    rest.place = place
    return rest
  }

  /// A line of the file that cannot be passed on.
  package struct Damage: Error {}

  /// Takes the lines that `input` begins with, and says how many bytes they were.
  package mutating func take(_ input: Span<UInt8>) throws(Damage) -> Int {
    var start = 0
    while !isFull, let end = input.firstIndex(ofLineEndFrom: start) {
      try take(line: input.extracting(start..<end))
      if isComplete { return start }
      start = end + 1
    }
    return start
  }

  private mutating func take(line: Span<UInt8>) throws(Damage) {
    if line.starts(with: LogHead.beginning) { return }
    let read: LogLine
    do throws(LogFailure.Reason) { read = try LogLine(line) } catch { throw Damage() }
    switch read {
    case .chat(let id, _, _), .system(let id, _):
      guard id > wanted.after else { return }
      try draw(id)
      hasBegun = true
      append(line)
    case .count: if hasBegun { append(line) }
    case .note(.drawn(let id), _): if id > wanted.after { try draw(id) }
    case .note(.lost(let id), _): if id > wanted.after { throw Damage() }
    case .note: break
    }
    if lastID >= wanted.through { isComplete = true }
  }

  private mutating func draw(_ id: Int64) throws(Damage) {
    // Ids have no gaps: a line was taken out, or two were exchanged.
    guard id == lastID + 1 else { throw Damage() }
    lastID = id
  }

  private mutating func append(_ line: Span<UInt8>) {
    bytes.append(line)
    bytes.append(UInt8(ascii: "\n"))
  }

  /// The id of a line that holds a packet; nil for any other.
  package static func id(of line: Span<UInt8>) -> Int64? {
    guard let read = try? LogLine(line) else { return nil }
    switch read {
    case .chat(let id, _, _), .system(let id, _): return id
    case .count, .note: return nil
    }
  }
}

extension Span<UInt8> {
  /// The index of the first LF at or after `start`.
  package func firstIndex(ofLineEndFrom start: Int) -> Int? {
    firstIndex(of: UInt8(ascii: "\n"), from: start)
  }
}
