/// Text from outside made fit to be shown: nothing in it can steer a terminal or pass for other
/// lines (PROTOCOL.md, section 5, "What people see").
package enum DisplayText {
  /// One line: control characters and line feeds too are made visible.
  package static func line(_ text: String) -> String { visible(text, continuation: nil) }

  /// A text that may have several lines: each but the first is indented, so that none passes for
  /// another speaker's or for the program's own.
  package static func paragraph(_ text: String) -> String { visible(text, continuation: "\n    ") }

  private static func visible(_ text: String, continuation: String?) -> String {
    // Nearly every text is plain: then nothing is copied.
    if text.utf8.allSatisfy({ 0x20..<0x7F ~= $0 }) { return text }
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x0A where continuation != nil:
        shown.append(contentsOf: (continuation ?? "").unicodeScalars)
      case 0x00...0x1F: shown.append(Unicode.Scalar(0x2400 + scalar.value) ?? "\u{FFFD}")
      case 0x7F: shown.append("\u{2421}")
      case _ where isUnsafeToShow(scalar):
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let zeros = String(repeating: "0", count: max(0, 4 - digits.utf8.count))
        shown.append(contentsOf: "‹U+\(zeros)\(digits)›".unicodeScalars)
      default: shown.append(scalar)
      }
    }
    return String(shown)
  }

  /// Whether a scalar acts on a terminal or reorders text instead of being seen: C0, DEL, C1, the
  /// line and paragraph separators, the bidirectional controls, and the other invisible formats,
  /// which could make two texts look alike.
  private static func isUnsafeToShow(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0...0x1F, 0x7F...0x9F, 0x061C, 0x180E, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F,
      0xFEFF, 0xFFF9...0xFFFB, 0xE0000...0xE007F:
      true
    default: false
    }
  }

  /// Packets' lines with such scalars escaped inside their strings: the same JSON, inert on a
  /// terminal. The lines have been read as packets, so they stand nowhere but in strings.
  package static func escapedJSON(_ line: Span<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(line.count + 1)
    var index = 0
    while index < line.count {
      let byte = line[index]
      if byte < 0x7F {
        // White space between tokens may be a TAB or CR; a blank says the same.
        bytes.append(byte < 0x20 && byte != UInt8(ascii: "\n") ? 0x20 : byte)
        index += 1
        continue
      }
      let length = UTF8Sequence.length(in: line, at: index) ?? 1
      var scalar = String.UnicodeScalarView()
      var raw: [UInt8] = []
      raw.append(line.extracting(index..<index + length))
      scalar.append(contentsOf: String(decoding: raw, as: UTF8.self).unicodeScalars)
      if let first = scalar.first, isUnsafeToShow(first) {
        for unit in String(scalar).utf16 { JSONText.appendUnicodeEscape(unit, to: &bytes) }
      } else {
        bytes.append(contentsOf: raw)
      }
      index += length
    }
    return bytes
  }
}
