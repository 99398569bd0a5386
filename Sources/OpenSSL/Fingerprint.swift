import COpenSSL

/// The SHA-256 of a certificate's DER form, as people pass it on:
/// `SHA256:` and base64 without padding.
package struct Fingerprint: Hashable, Sendable, CustomStringConvertible {
  package let bytes: [UInt8]

  init(bytes: [UInt8]) {
    precondition(bytes.count == Digest.length)
    self.bytes = bytes
  }

  /// Reads `SHA256:<base64>`, or 64 hexadecimal digits with colons between the bytes or without.
  package init?(_ text: String) {
    if text.hasPrefix("SHA256:") {
      guard let bytes = Self.decodeBase64(text.dropFirst(7)) else { return nil }
      self.bytes = bytes
    } else {
      guard let bytes = Self.decodeHex(text) else { return nil }
      self.bytes = bytes
    }
    // Of several ways to write it in base64 only one is taken.
    if text.hasPrefix("SHA256:"), description != text { return nil }
  }

  package var description: String {
    // 32 bytes make 43 letters, one sign of padding and a zero.
    var text = [UInt8](repeating: 0, count: 45)
    unsafe EVP_EncodeBlock(&text, bytes, Int32(bytes.count))
    return "SHA256:" + String(decoding: text[..<43], as: UTF8.self)
  }

  private static func decodeBase64(_ text: Substring) -> [UInt8]? {
    guard text.utf8.count == 43 else { return nil }
    let padded = Array(text.utf8) + [UInt8(ascii: "=")]
    var bytes = [UInt8](repeating: 0, count: 33)
    guard unsafe EVP_DecodeBlock(&bytes, padded, Int32(padded.count)) == 33 else {
      clearErrors()
      return nil
    }
    return Array(bytes[..<Digest.length])
  }

  private static func decodeHex(_ text: String) -> [UInt8]? {
    let text = Array(text.utf8)
    let step: Int
    switch text.count {
    case 64: step = 2
    case 95: step = 3
    default: return nil
    }
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: text.count, by: step) {
      guard let high = digit(text[start]), let low = digit(text[start + 1]) else { return nil }
      if step == 3, start + 2 < text.count, text[start + 2] != UInt8(ascii: ":") { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
