/// What a member proves itself by when it comes again: base64 of time (8 bytes) || id of its join (8)
/// || a MAC (16) over these and its folded name (PROTOCOL.md, section 7). The host stores none.
package struct TokenKey: Sendable {
  /// A message authentication code of at least 16 bytes, by a key of the host's own; nil if it cannot
  /// be made.
  private let code: @Sendable ([UInt8]) -> [UInt8]?

  package init(code: @escaping @Sendable ([UInt8]) -> [UInt8]?) { self.code = code }

  /// Makes a token for the member of join `id` under `name`, as it stands between quotation marks.
  func token(id: Int64, name: Name, at unixMilliseconds: Int64) -> [UInt8]? {
    let head = Self.bytes(unixMilliseconds) + Self.bytes(id)
    return mac(head, name).map { Base64.encode(head + $0) }
  }

  /// The join's id in a token that this host made for this name; nil if it did not.
  func joinID(in token: Span<UInt8>, name: Name) -> Int64? {
    guard token.count <= Limits.tokenLength, let bytes = Base64.decode(token), bytes.count == 32
    else { return nil }
    let head = Array(bytes[..<16])
    guard let mac = mac(head, name) else { return nil }
    // Compared without a branch on the bytes, so that the time taken tells nothing.
    let difference = zip(mac, bytes[16...]).reduce(UInt8(0)) { $0 | $1.0 ^ $1.1 }
    guard difference == 0 else { return nil }
    return Int64(bitPattern: head[8...].reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
  }

  private func mac(_ head: [UInt8], _ name: Name) -> [UInt8]? {
    guard let code = code(head + Array(name.folded.utf8)), code.count >= 16 else { return nil }
    return Array(code.prefix(16))
  }

  private static func bytes(_ value: Int64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * Int64($0))) }
  }
}
