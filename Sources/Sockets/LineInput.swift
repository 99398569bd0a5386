import Glibc

/// Lines of text from standard input or a file, as they come.
package struct LineInput: ~Copyable {
  package let descriptor: Int32
  package private(set) var isAtEnd = false
  private var bytes: [UInt8] = []
  /// Bytes that were handed out as lines.
  private var taken = 0
  private var searched = 0
  private var isSkipping = false
  private let limit: Int

  package enum Line: Equatable, Sendable {
    /// Without its line end; bytes that are not UTF-8 are replaced by U+FFFD.
    case text(String)
    /// It was longer than the limit and has been passed over.
    case tooLong
  }

  /// - Parameter limit: bytes of the longest line.
  package init(_ descriptor: Int32, limit: Int) {
    self.descriptor = descriptor
    self.limit = limit
  }

  /// Reads what is there; waits for it if nothing is.
  package mutating func fill() {
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    var span = chunk.mutableSpan
    // A terminal that is gone and a closed descriptor are the end of the input as well.
    switch try? read(descriptor, into: &span) {
    case .bytes(let count):
      bytes.append(contentsOf: chunk[..<count])
      // A password may have been in it.
      wipe(&chunk, first: count)
    case .wouldBlock: _ = try? wait(for: .reading, on: descriptor, timeout: nil)
    case .endOfStream, nil: isAtEnd = true
    }
  }

  /// Bytes that were read and not taken.
  package var waitingBytes: Int { bytes.count - taken }

  /// The next line, if it is there; the last one needs no line end.
  package mutating func takeLine() -> Line? {
    guard let found = findLine() else { return nil }
    return found.isTooLong ? .tooLong : .text(String(decoding: bytes[found.place], as: UTF8.self))
  }

  /// Where the next line stands, which counts as taken from now on.
  private mutating func findLine() -> (place: Range<Int>, isTooLong: Bool)? {
    if let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) {
      return findLine(to: end, dropping: 1)
    }
    searched = bytes.count
    if waitingBytes > limit {
      isSkipping = true
      forgetTaken(to: bytes.count)
    }
    if isAtEnd, waitingBytes > 0 || isSkipping { return findLine(to: bytes.count, dropping: 0) }
    forgetTaken(to: taken)
    return nil
  }

  private mutating func findLine(
    to end: Int, dropping ending: Int
  ) -> (place: Range<Int>, isTooLong: Bool) {
    let hasReturn = end > taken && bytes[end - 1] == UInt8(ascii: "\r")
    let place = taken..<(hasReturn ? end - 1 : end)
    let isTooLong = isSkipping || place.count > limit
    isSkipping = false
    taken = end + ending
    searched = taken
    return (place, isTooLong)
  }

  private mutating func forgetTaken(to index: Int) {
    bytes.removeFirst(index)
    searched -= index
    taken = 0
  }

  /// Waits for the next line; nil at the end of the input.
  package mutating func waitForLine() -> Line? {
    while true {
      if let line = takeLine() { return line }
      if isAtEnd { return nil }
      fill()
    }
  }

  /// Waits for the next line and takes it out of the memory held here; nil at the end of the input
  /// and for a line that is too long. To be wiped by the caller.
  package mutating func waitForSecret() -> [UInt8]? {
    while true {
      if let found = findLine() {
        guard !found.isTooLong else { return nil }
        let secret = Array(bytes[found.place])
        for index in found.place { bytes[index] = 0 }
        return secret
      }
      if isAtEnd { return nil }
      fill()
    }
  }
}
