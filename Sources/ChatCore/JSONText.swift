/// The inside of JSON strings: undoing their escapes, and making no more of them than must be.
package enum JSONText {
  /// The code unit of the `\uXXXX` at `index`; nil if there is none.
  static func codeUnit(in line: Span<UInt8>, at index: Int) -> UInt16? {
    guard index + 6 <= line.count, line[index] == UInt8(ascii: "\\"),
      line[index + 1] == UInt8(ascii: "u")
    else { return nil }
    var unit: UInt16 = 0
    for offset in 2..<6 {
      let byte = line[index + offset]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: return nil
      }
      unit = unit << 4 | UInt16(digit)
    }
    return unit
  }

  /// The string's UTF-8 with its escapes undone. The string has been checked by the reader.
  package static func unescapedBytes(_ string: JSONString, in line: Span<UInt8>) -> [UInt8] {
    let raw = line.extracting(string.range)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(raw.count)
    guard string.hasEscapes else {
      bytes.append(raw)
      return bytes
    }
    var index = 0
    while index < raw.count {
      let byte = raw[index]
      guard byte == UInt8(ascii: "\\"), index + 1 < raw.count else {
        bytes.append(byte)
        index += 1
        continue
      }
      switch raw[index + 1] {
      case UInt8(ascii: "b"): bytes.append(0x08)
      case UInt8(ascii: "f"): bytes.append(0x0C)
      case UInt8(ascii: "n"): bytes.append(0x0A)
      case UInt8(ascii: "r"): bytes.append(0x0D)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "u"):
        var scalar = UInt32(codeUnit(in: raw, at: index) ?? 0xFFFD)
        if scalar & 0xFC00 == 0xD800, let low = codeUnit(in: raw, at: index + 6) {
          scalar = 0x10000 + (scalar & 0x3FF) << 10 + UInt32(low) & 0x3FF
          index += 6
        }
        bytes.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
        index += 4
      case let other: bytes.append(other)
      }
      index += 2
    }
    return bytes
  }

  /// The string's text with its escapes undone.
  package static func text(_ string: JSONString, in line: Span<UInt8>) -> String {
    String(decoding: unescapedBytes(string, in: line), as: UTF8.self)
  }

  /// Whether the string is empty or only white space.
  package static func isBlank(_ string: JSONString, in line: Span<UInt8>) -> Bool {
    let raw = line.extracting(string.range)
    if raw.count > 0, raw[0] > 0x20, raw[0] < 0x80, raw[0] != UInt8(ascii: "\\") { return false }
    return text(string, in: line).unicodeScalars.allSatisfy(\.properties.isWhitespace)
  }

  /// Whether a text is empty or only white space.
  static func isBlank(_ utf8: [UInt8]) -> Bool {
    if let first = utf8.first, 0x20 < first, first < 0x80 { return false }
    return String(decoding: utf8, as: UTF8.self).unicodeScalars.allSatisfy(
      \.properties.isWhitespace)
  }

  /// Appends text escaped no more than it must be (PROTOCOL.md, section 1), without quotation marks.
  package static func appendEscaped(_ utf8: Span<UInt8>, to bytes: inout [UInt8]) {
    for index in utf8.indices { appendEscaped(utf8[index], to: &bytes) }
  }

  /// Appends text escaped no more than it must be, without quotation marks.
  package static func appendEscaped(_ text: String, to bytes: inout [UInt8]) {
    for byte in text.utf8 { appendEscaped(byte, to: &bytes) }
  }

  /// Text escaped no more than it must be, without quotation marks.
  static func escaped(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    appendEscaped(text, to: &bytes)
    return bytes
  }

  @inline(__always)
  private static func appendEscaped(_ byte: UInt8, to bytes: inout [UInt8]) {
    switch byte {
    case UInt8(ascii: "\""): bytes.append("\\\"")
    case UInt8(ascii: "\\"): bytes.append("\\\\")
    case 0x08: bytes.append("\\b")
    case 0x09: bytes.append("\\t")
    case 0x0A: bytes.append("\\n")
    case 0x0C: bytes.append("\\f")
    case 0x0D: bytes.append("\\r")
    case 0..<0x20: appendUnicodeEscape(UInt16(byte), to: &bytes)
    default: bytes.append(byte)
    }
  }

  /// Appends `\uXXXX`.
  static func appendUnicodeEscape(_ unit: UInt16, to bytes: inout [UInt8]) {
    bytes.append("\\u")
    for shift in [12, 8, 4, 0] {
      let digit = UInt8(truncatingIfNeeded: unit >> UInt16(shift)) & 0xF
      bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
  }
}
