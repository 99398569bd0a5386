import Glibc
import Testing

/// What a script waited for and did not get.
struct Missed: Error, CustomStringConvertible {
  let description: String
}

/// How long a script waits for anything at the most.
let patience: Duration = .seconds(10) * Sanitizer.slowness

/// Lines that come out of a pipe or a socket, none of them waited for longer than a bound.
final class LineStream {
  let descriptor: Int32
  /// For messages: whose lines these are.
  private let name: String
  /// What came and was not taken yet; lines are cut off its front without moving the rest.
  private var bytes: ArraySlice<UInt8> = []
  private var isAtEnd = false
  /// Lines taken so far, for messages.
  private(set) var taken: [String] = []

  init(_ descriptor: Int32, of name: String) {
    self.descriptor = descriptor
    self.name = name
  }

  /// The next line without its line end; nil at the end of the stream. What stands there without
  /// line end is a line too.
  func next(
    within time: Duration = patience, waitingFor wanted: String = "a line"
  ) throws -> String? {
    let deadline = ContinuousClock.now + time
    while true {
      if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: bytes[..<end], as: UTF8.self)
        bytes = bytes[(end + 1)...]
        taken.append(line)
        return line
      }
      if isAtEnd {
        guard !bytes.isEmpty else { return nil }
        let line = String(decoding: bytes, as: UTF8.self)
        bytes = []
        taken.append(line)
        return line
      }
      guard try fill(until: deadline) else { throw missed(wanted, "in time") }
    }
  }

  /// Passes over lines until this one.
  @discardableResult
  func expect(_ line: String, within time: Duration = patience) throws -> [String] {
    try expect("\"\(line)\"", within: time) { $0 == line }.passed
  }

  /// Passes over lines until one that fits.
  /// - Parameter wanted: what is waited for, for messages.
  @discardableResult
  func expect(
    _ wanted: String = "such a line", within time: Duration = patience, where fits: (String) -> Bool
  ) throws -> (line: String, passed: [String]) {
    let deadline = ContinuousClock.now + time
    var passed: [String] = []
    while let line = try next(within: deadline - .now, waitingFor: wanted) {
      if fits(line) { return (line, passed) }
      passed.append(line)
    }
    throw missed(wanted, "before the end of the stream")
  }

  /// The line that begins with a text, without it.
  @discardableResult
  func expect(prefix: String, within time: Duration = patience) throws -> String {
    let line = try expect("\(prefix)…", within: time) { $0.hasPrefix(prefix) }.line
    return String(line.dropFirst(prefix.count))
  }

  /// All lines that are left, once the stream ends.
  func rest(within time: Duration = patience) throws -> [String] {
    let deadline = ContinuousClock.now + time
    var lines: [String] = []
    while let line = try next(within: deadline - .now, waitingFor: "the end") { lines.append(line) }
    return lines
  }

  /// What comes within a time, lines and all, where nothing or little is expected.
  func all(for time: Duration) throws -> [String] {
    let deadline = ContinuousClock.now + time
    while try !isAtEnd && fill(until: deadline) {}
    var lines: [String] = []
    while bytes.contains(UInt8(ascii: "\n")) || isAtEnd && !bytes.isEmpty, let line = try next() {
      lines.append(line)
    }
    return lines
  }

  private func missed(_ wanted: String, _ when: String) -> Missed {
    let last = taken.suffix(12).map { "\n    \($0.prefix(200))" }.joined()
    let part =
      bytes.isEmpty
      ? "" : "\n    (unfinished) \(String(decoding: bytes.prefix(200), as: UTF8.self))"
    return Missed(description: "\(name): \(wanted) did not come \(when); last lines:\(last)\(part)")
  }

  /// Reads what is there; false when nothing came in time.
  private func fill(until deadline: ContinuousClock.Instant) throws -> Bool {
    let left = max(.zero, deadline - .now)
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let count = poll(&entry, 1, Int32(left / .milliseconds(1)) + 1)
    guard count > 0 else { return false }
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    let received = read(descriptor, &chunk, chunk.count)
    // A connection that was reset is over like any other.
    if received <= 0 { isAtEnd = true } else { bytes += chunk[..<received] }
    return true
  }
}
