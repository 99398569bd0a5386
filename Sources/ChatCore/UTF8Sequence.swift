/// One scalar's encoding in UTF-8 (RFC 3629): nothing overlong, no surrogates, nothing above
/// U+10FFFF.
package enum UTF8Sequence {
  /// The length of the valid sequence that begins at `index`, 1 to 4 bytes; nil if there is none.
  @inline(__always)
  static func length(in bytes: Span<UInt8>, at index: Int) -> Int? {
    let lead = bytes[index]
    if lead < 0x80 { return 1 }
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch lead {
    case 0xC2...0xDF: length = 2
    case 0xE0:
      length = 3
      second = 0xA0...0xBF
    case 0xED:
      length = 3
      second = 0x80...0x9F
    case 0xE1...0xEF: length = 3
    case 0xF0:
      length = 4
      second = 0x90...0xBF
    case 0xF4:
      length = 4
      second = 0x80...0x8F
    case 0xF1...0xF3: length = 4
    default: return nil
    }
    guard index + length <= bytes.count, second.contains(bytes[index + 1]) else { return nil }
    var next = index + 2
    while next < index + length {
      guard bytes[next] & 0xC0 == 0x80 else { return nil }
      next += 1
    }
    return length
  }

  /// Whether all of the bytes are valid UTF-8.
  package static func isValid(_ bytes: Span<UInt8>) -> Bool {
    var index = bytes.endOfASCII(from: 0)
    while index < bytes.count {
      guard let length = length(in: bytes, at: index) else { return false }
      index = bytes.endOfASCII(from: index + length)
    }
    return true
  }
}
