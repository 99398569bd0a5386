/// A line read as a packet: the values of the keys that mean something, still in the line.
///
/// Everything in PROTOCOL.md, section 1 that does not depend on the packet's type has been checked.
///
/// One after the other, many lines can be read into the same fields: to make them anew costs as much
/// as half of a short packet.
package struct PacketFields: ~Copyable {
  /// A bit for each key that is there; the values of the others are left over from earlier lines.
  private var present: UInt64 = 0
  /// No `InlineArray`: reading one element of that in a structure copies all of them out first.
  private var values = [JSONReader.Value](repeating: .null, count: Key.allCases.count)

  init() {}

  /// Reads a line, given without its line end.
  package init(_ line: Span<UInt8>) throws(PacketError) { try read(line) }

  /// Reads a line, given without its line end, in place of what was read before.
  mutating func read(_ line: Span<UInt8>) throws(PacketError) {
    present = 0
    var reader = JSONReader()
    guard try reader.peek(in: line) == UInt8(ascii: "{") else {
      _ = try reader.value(depth: 0, in: line)
      try Self.expectEnd(&reader, line)
      throw .notAnObject
    }
    reader.index += 1
    if try reader.peek(in: line) == UInt8(ascii: "}") {
      reader.index += 1
      try Self.expectEnd(&reader, line)
      return
    }
    var otherKeys = KeySet()
    repeat {
      guard try reader.peek(in: line) == UInt8(ascii: "\"") else {
        throw .syntax(at: reader.index)
      }
      let name = try reader.string(in: line)
      try reader.expect(UInt8(ascii: ":"), in: line)
      if let key = Key.named(name, in: line) {
        let value = try reader.value(depth: 1, in: line)
        guard !has(key) else { throw .duplicateKey(at: Int(name.start)) }
        present |= 1 << UInt64(key.rawValue)
        values[key.rawValue] = value
      } else {
        guard otherKeys.insert(name, in: line) else { throw .duplicateKey(at: Int(name.start)) }
        _ = try reader.value(depth: 1, in: line)
      }
    } while try !reader.endOfList(UInt8(ascii: "}"), in: line)
    try Self.expectEnd(&reader, line)
  }

  private static func expectEnd(_ reader: inout JSONReader, _ line: Span<UInt8>)
    throws(PacketError)
  {
    reader.skipSpace(in: line)
    guard reader.index == line.count else { throw .syntax(at: reader.index) }
  }

  package func has(_ key: Key) -> Bool { present >> UInt64(key.rawValue) & 1 == 1 }

  private func value(_ key: Key) -> JSONReader.Value? {
    has(key) ? values[key.rawValue] : nil
  }

  /// The string at an optional key.
  package func string(_ key: Key) throws(PacketError) -> JSONString? {
    switch value(key) {
    case nil: return nil
    case .string(let string): return string
    default: throw .mistyped(key)
    }
  }

  /// The string at a key that must be there.
  package func requiredString(_ key: Key) throws(PacketError) -> JSONString {
    guard let string = try string(key) else { throw .missing(key) }
    return string
  }

  /// The integer at an optional key, written without fraction or exponent.
  package func integer(_ key: Key, in range: ClosedRange<Int64>) throws(PacketError) -> Int64? {
    switch value(key) {
    case nil: return nil
    case .integer(let value) where range.contains(value): return value
    default: throw .mistyped(key)
    }
  }

  /// The truth value at an optional key.
  package func bool(_ key: Key) throws(PacketError) -> Bool? {
    switch value(key) {
    case nil: return nil
    case .bool(let value): return value
    default: throw .mistyped(key)
    }
  }

  /// The strings of an array at an optional key.
  package func strings(_ key: Key, in line: Span<UInt8>) throws(PacketError) -> [String]? {
    switch value(key) {
    case nil: return nil
    case .array(let range):
      var strings: [String] = []
      var reader = JSONReader()
      reader.index = Int(range.lowerBound) + 1
      if try reader.peek(in: line) == UInt8(ascii: "]") { return [] }
      repeat {
        guard try reader.peek(in: line) == UInt8(ascii: "\"") else { throw .mistyped(key) }
        strings.append(JSONText.text(try reader.string(in: line), in: line))
      } while try !reader.endOfList(UInt8(ascii: "]"), in: line)
      return strings
    default: throw .mistyped(key)
    }
  }

  /// The version that an `auth` or a `hello` names; 1 if it names none.
  package func version() throws(PacketError) -> Int64 {
    try integer(.version, in: 0...Limits.largestInteger) ?? 1
  }
}
