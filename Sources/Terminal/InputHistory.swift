import Glibc
import Sockets

/// The lines that were typed at the prompt, in a file that later sessions begin with.
///
/// One entry a line, in UTF-8. A backslash stands before `n` for a line feed, `t` for a TAB and `\` for
/// itself; other control characters are left out, coming and going, so a file with escape sequences in
/// it is as harmless as any other. Passwords are not typed at the prompt, and never get here.
package struct InputHistory: Sendable {
  /// Entries kept.
  package static let longest = 1_000
  /// Bytes of the file.
  package static let largest = 256 << 10
  /// Bytes of an entry in the file; a longer one is for this session only.
  private static let largestEntry = 16 << 10
  /// A file this large was not written by this program, and is not read.
  private static let largestRead = 4 << 20

  package let path: String

  package init(path: String) { self.path = path }

  /// The entries of the file, the oldest first; none where there is no file. One that has grown over
  /// its bounds is cut to them.
  package func load() throws(SystemError) -> [String] {
    guard let bytes = try File.contents(path, limit: Self.largestRead) else { return [] }
    let lines = bytes.split(separator: UInt8(ascii: "\n"))
    let kept = Self.newest(lines)
    // What was read is of use whether or not it can be cut now.
    if kept.count < lines.count { try? cut() }
    return kept.map(Self.decoded).filter { !$0.isEmpty }
  }

  private func cut() throws(SystemError) {
    try File.makeDirectories(File.directory(of: path))
    let lock = try File.lock(directory: File.directory(of: path), atMost: File.lockTime)
    // Another session may have added some meanwhile.
    let all = try File.contents(path, limit: Self.largestRead) ?? []
    let newest = Self.newest(all.split(separator: UInt8(ascii: "\n")))
    let contents = newest.flatMap { Array($0) + [UInt8(ascii: "\n")] }
    try StagedFile.write(contents.span, for: path, mode: 0o600).replace()
    _ = consume lock
  }

  /// Adds an entry to the file.
  package func append(_ entry: String) throws(SystemError) {
    var bytes = Array(Self.encoded(entry).utf8)
    guard !bytes.isEmpty, bytes.count <= Self.largestEntry else { return }
    bytes.append(UInt8(ascii: "\n"))
    let directory = File.directory(of: path)
    try File.makeDirectories(directory)
    let lock = try File.lock(directory: directory, atMost: File.lockTime)
    try File.append(bytes.span, to: path)
    _ = consume lock
  }

  private static func newest(_ lines: [ArraySlice<UInt8>]) -> [ArraySlice<UInt8>] {
    var bytes = 0
    let kept = lines.reversed().prefix(longest).prefix { line in
      bytes += line.count + 1
      return bytes <= largest
    }
    return kept.reversed()
  }

  // MARK: Entries

  package static func encoded(_ entry: String) -> String {
    var line = String.UnicodeScalarView()
    for scalar in entry.unicodeScalars {
      switch scalar.value {
      case 0x5C: line.append(contentsOf: "\\\\".unicodeScalars)
      case 0x0A: line.append(contentsOf: "\\n".unicodeScalars)
      case 0x09: line.append(contentsOf: "\\t".unicodeScalars)
      case 0..<0x20, 0x7F..<0xA0: break
      default: line.append(scalar)
      }
    }
    return String(line)
  }

  package static func decoded(_ line: ArraySlice<UInt8>) -> String {
    var entry = String.UnicodeScalarView()
    var isEscaped = false
    for scalar in String(decoding: line, as: UTF8.self).unicodeScalars {
      if isEscaped {
        isEscaped = false
        switch scalar {
        case "n": entry.append("\n")
        case "t": entry.append("\t")
        case "\\": entry.append("\\")
        default:
          // Not written by this program.
          entry.append("\\")
          if !isControl(scalar) { entry.append(scalar) }
        }
      } else if scalar == "\\" {
        isEscaped = true
      } else if !isControl(scalar) {
        entry.append(scalar)
      }
    }
    if isEscaped { entry.append("\\") }
    return String(entry)
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || 0x7F..<0xA0 ~= scalar.value
  }
}
