/// A `sid`: the id that a client draws once for its messages, 16 to 32 of `A–Z a–z 0–9 _ -`
/// (PROTOCOL.md, section 5).
package struct SenderID: Hashable, Sendable {
  private let first: UInt64
  private let second: UInt64
  private let third: UInt64
  private let fourth: UInt64
  private let count: UInt8

  /// Reads an id from its bytes; nil if they make none.
  package init?(_ bytes: Span<UInt8>) {
    guard Limits.senderIDLength.contains(bytes.count) else { return nil }
    var words = InlineArray<4, UInt64>(repeating: 0)
    for index in bytes.indices {
      guard Self.isAllowed(bytes[index]) else { return nil }
      words[index / 8] |= UInt64(bytes[index]) << UInt64(index % 8 * 8)
    }
    first = words[0]
    second = words[1]
    third = words[2]
    fourth = words[3]
    count = UInt8(bytes.count)
  }

  /// Makes an id of 16 random bytes, as 32 hexadecimal digits.
  package init?(random bytes: [UInt8]) {
    let text = Hexadecimal.encode(Array(bytes.prefix(16)))
    self.init(text.utf8Span.span)
  }

  package var bytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 32)
    var span = bytes.mutableSpan
    // Integers make bytes, whatever they are.
    var output = unsafe span.mutableBytes
    output.storeBytes(of: first.littleEndian, toByteOffset: 0, as: UInt64.self)
    output.storeBytes(of: second.littleEndian, toByteOffset: 8, as: UInt64.self)
    output.storeBytes(of: third.littleEndian, toByteOffset: 16, as: UInt64.self)
    output.storeBytes(of: fourth.littleEndian, toByteOffset: 24, as: UInt64.self)
    bytes.removeLast(bytes.count - Int(count))
    return bytes
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

/// What a client numbers its messages by: its `sid` and a message's `n` (1 ... 2^53 - 1).
package struct MessageNumber: Hashable, Sendable {
  package let sid: SenderID
  package let n: Int64

  package init(sid: SenderID, n: Int64) {
    self.sid = sid
    self.n = n
  }

  /// Reads `sid` and `n`, which stand together or not at all.
  init?(_ fields: borrowing PacketFields, in line: Span<UInt8>) throws(PacketError) {
    let n = try fields.integer(.n, in: 1...Limits.largestInteger)
    let sid = try fields.string(.sid)
    guard let sid else {
      if n != nil { throw .missing(.sid) }
      return nil
    }
    guard let n else { throw .missing(.n) }
    let bytes = JSONText.unescapedBytes(sid, in: line)
    guard let id = SenderID(bytes.span) else { throw .mistyped(.sid) }
    self.init(sid: id, n: n)
  }
}
