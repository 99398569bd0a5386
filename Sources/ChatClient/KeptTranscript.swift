/// What has been shown, to be saved when the user asks for it; bounded, the oldest goes first.
package struct KeptTranscript {
  /// Lines kept; some days of a room.
  package static let longest = 20_000
  /// Their bytes.
  package static let largest = 8 << 20

  private var lines: [String] = []
  /// Lines that were dropped, and still stand in `lines`.
  private var gone = 0
  private var bytes = 0
  private let longest: Int
  private let largest: Int
  private var isWhole = true

  package init(longest: Int = Self.longest, largest: Int = Self.largest) {
    self.longest = longest
    self.largest = largest
  }

  package mutating func append(_ line: String) {
    lines.append(line)
    bytes += line.utf8.count + 1
    while lines.count - gone > longest || bytes > largest {
      bytes -= lines[gone].utf8.count + 1
      lines[gone] = ""
      gone += 1
      isWhole = false
    }
    // Seldom: taking from the front moves the rest.
    if gone > longest {
      lines.removeFirst(gone)
      gone = 0
    }
  }

  package var isEmpty: Bool { lines.count == gone }

  /// All of it as a text file.
  package var text: String {
    (isWhole ? "" : "[earlier lines are not kept]\n")
      + lines[gone...].map { $0 + "\n" }.joined()
  }
}
