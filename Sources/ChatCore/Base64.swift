/// Standard base64, canonical, with padding, no line breaks (RFC 4648, section 4; PROTOCOL.md,
/// section 1).
package enum Base64 {
  private static let digits = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  package static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var index = 0
    while index < bytes.count {
      let left = bytes.count - index
      let second = left > 1 ? bytes[index + 1] : 0
      let third = left > 2 ? bytes[index + 2] : 0
      let group = UInt32(bytes[index]) << 16 | UInt32(second) << 8 | UInt32(third)
      text.append(digits[Int(group >> 18)])
      text.append(digits[Int(group >> 12 & 63)])
      text.append(left > 1 ? digits[Int(group >> 6 & 63)] : UInt8(ascii: "="))
      text.append(left > 2 ? digits[Int(group & 63)] : UInt8(ascii: "="))
      index += 3
    }
    return text
  }

  /// The bytes of a text; nil if it is not what ``encode(_:)`` makes of any.
  package static func decode(_ text: Span<UInt8>) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    guard text.count > 0 else { return [] }
    let padding =
      text[text.count - 1] != UInt8(ascii: "=")
      ? 0 : text[text.count - 2] == UInt8(ascii: "=") ? 2 : 1
    let values = values
    // One byte more than there may be: four are written at a time.
    var bytes = [UInt8](repeating: 0, count: text.count / 4 * 3 + 1)
    var span = bytes.mutableSpan
    // Any bytes make integers, and integers make bytes.
    var output = unsafe span.mutableBytes
    let input = unsafe text.bytes
    // What is no digit has a value above all of theirs; all are looked at, and judged at the end.
    var seen: UInt8 = 0
    var group: UInt32 = 0
    var place = 0
    var index = 0
    while index < text.count {
      var digits = unsafe UInt32(
        bigEndian: input.unsafeLoadUnaligned(fromByteOffset: index, as: UInt32.self))
      index += 4
      // Only the last of them may be padded; an A is no bits.
      if index == text.count, padding > 0 {
        digits =
          digits & (padding > 1 ? 0xFFFF_0000 : 0xFFFF_FF00) | (padding > 1 ? 0x4141 : 0x41)
      }
      let first = values[Int(digits >> 24)]
      let second = values[Int(digits >> 16 & 0xFF)]
      let third = values[Int(digits >> 8 & 0xFF)]
      let fourth = values[Int(digits & 0xFF)]
      seen |= first | second | third | fourth
      group = UInt32(first) << 18 | UInt32(second) << 12 | UInt32(third) << 6 | UInt32(fourth)
      output.storeBytes(of: (group << 8).bigEndian, toByteOffset: place, as: UInt32.self)
      place += 3
    }
    // What the padding stands for is nothing.
    guard seen & noDigit == 0, padding == 0 || group & (padding == 2 ? 0xFFFF : 0xFF) == 0 else {
      return nil
    }
    bytes.removeLast(padding + 1)
    return bytes
  }

  /// What stands in ``values`` for a byte that is no digit; no digit's value has this bit.
  private static let noDigit: UInt8 = 0x80

  /// The value of each digit, by its byte.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: noDigit, count: 256)
    for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
    return values
  }()
}
