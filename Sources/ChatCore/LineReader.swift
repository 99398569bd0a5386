/// Cuts a stream of bytes into lines ended by LF, a CR before it taken off (PROTOCOL.md, section 1).
///
/// It keeps only what is not yet a whole line: a connection that is quiet holds no buffer.
package struct LineReader: Sendable {
  private var partial: [UInt8] = []
  private let limit: Int

  /// - Parameter limit: the longest line in bytes, its LF included.
  package init(limit: Int) { self.limit = limit }

  /// What a call of ``next(in:from:)`` found.
  package enum Found: Equatable, Sendable {
    /// A line: these bytes of the input, its end taken off.
    case line(Range<Int>)
    /// A line whose beginning came earlier: take it with ``takeJoined()``.
    case joined
    /// No whole line is left; the rest has been kept.
    case needsMore
    /// The line that is coming is longer than the limit.
    case tooLong
  }

  /// Finds the next line at or after `start`, and moves `start` behind it.
  package mutating func next(in input: Span<UInt8>, from start: inout Int) -> Found {
    let begin = start
    guard let end = input.firstIndex(of: UInt8(ascii: "\n"), from: begin) else {
      let rest = input.count - begin
      guard partial.count + rest < limit else { return .tooLong }
      partial.append(input.extracting(begin..<input.count))
      start = input.count
      return .needsMore
    }
    guard partial.count + end - begin < limit else { return .tooLong }
    start = end + 1
    if partial.isEmpty {
      let last = end > begin && input[end - 1] == UInt8(ascii: "\r") ? end - 1 : end
      return .line(begin..<last)
    }
    partial.append(input.extracting(begin..<end))
    return .joined
  }

  /// The line that ``next(in:from:)`` called `.joined`.
  package mutating func takeJoined() -> [UInt8] {
    var line = partial
    partial = []
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    return line
  }

  /// What stands without LF at the end of the stream.
  package mutating func takeUnfinished() -> [UInt8] { takeJoined() }

  /// Whether a line has begun and not ended.
  package var hasUnfinished: Bool { !partial.isEmpty }
}
