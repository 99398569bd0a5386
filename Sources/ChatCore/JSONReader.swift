/// A string inside a line, as its sender escaped it: the bytes between the quotation marks.
package struct JSONString: Equatable, Sendable {
  package let start: Int32
  package let end: Int32
  package let hasEscapes: Bool

  package var count: Int { Int(end - start) }

  /// Where its bytes, still escaped, stand in the line.
  package var range: Range<Int> { Int(start)..<Int(end) }
}

/// Reads JSON text strictly as RFC 8259 says, and refuses what PROTOCOL.md, section 1 adds to that.
///
/// It only checks and finds; nothing is copied. Not over the whole of JSON's generality: it serves
/// lines of bounded length, so offsets are 32 bits.
struct JSONReader {
  /// The next byte to read. The line itself is handed to each call: a span cannot be stored.
  var index = 0

  enum Value {
    case string(JSONString)
    /// A number without fraction or exponent that fits.
    case integer(Int64)
    /// Any other number.
    case number
    case bool(Bool)
    case null
    case object
    /// The bytes of a checked array, brackets included.
    case array(Range<Int32>)
  }

  @inline(__always)
  mutating func skipSpace(in line: Span<UInt8>) {
    while index < line.count {
      switch line[index] {
      case 0x20, 0x09, 0x0A, 0x0D: index += 1
      default: return
      }
    }
  }

  /// The next byte that is not white space, still to be read.
  @inline(__always)
  mutating func peek(in line: Span<UInt8>) throws(PacketError) -> UInt8 {
    skipSpace(in: line)
    guard index < line.count else { throw .syntax(at: index) }
    return line[index]
  }

  @inline(__always)
  mutating func expect(_ byte: UInt8, in line: Span<UInt8>) throws(PacketError) {
    guard try peek(in: line) == byte else { throw .syntax(at: index) }
    index += 1
  }

  /// Reads any value; `depth` counts the objects and arrays around it.
  mutating func value(depth: Int, in line: Span<UInt8>) throws(PacketError) -> Value {
    switch try peek(in: line) {
    case UInt8(ascii: "\""): return .string(try string(in: line))
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number(in: line)
    case UInt8(ascii: "t"):
      try word("true", in: line)
      return .bool(true)
    case UInt8(ascii: "f"):
      try word("false", in: line)
      return .bool(false)
    case UInt8(ascii: "n"):
      try word("null", in: line)
      return .null
    case UInt8(ascii: "{"):
      try object(depth: depth + 1, in: line)
      return .object
    case UInt8(ascii: "["):
      let start = Int32(index)
      try array(depth: depth + 1, in: line)
      return .array(start..<Int32(index))
    default: throw .syntax(at: index)
    }
  }

  private mutating func word(_ literal: StaticString, in line: Span<UInt8>) throws(PacketError) {
    guard line.extracting(droppingFirst: index).starts(with: literal) else {
      throw .syntax(at: index)
    }
    index += literal.utf8CodeUnitCount
  }

  private mutating func object(depth: Int, in line: Span<UInt8>) throws(PacketError) {
    guard depth <= Limits.nesting else { throw .tooDeep }
    index += 1
    if try peek(in: line) == UInt8(ascii: "}") {
      index += 1
      return
    }
    var keys = KeySet()
    while true {
      guard try peek(in: line) == UInt8(ascii: "\"") else { throw .syntax(at: index) }
      let key = try string(in: line)
      guard keys.insert(key, in: line) else { throw .duplicateKey(at: Int(key.start)) }
      try expect(UInt8(ascii: ":"), in: line)
      _ = try value(depth: depth, in: line)
      guard try !endOfList(UInt8(ascii: "}"), in: line) else { return }
    }
  }

  private mutating func array(depth: Int, in line: Span<UInt8>) throws(PacketError) {
    guard depth <= Limits.nesting else { throw .tooDeep }
    index += 1
    if try peek(in: line) == UInt8(ascii: "]") {
      index += 1
      return
    }
    while true {
      _ = try value(depth: depth, in: line)
      guard try !endOfList(UInt8(ascii: "]"), in: line) else { return }
    }
  }

  /// After an element: true at the list's end, false after a comma.
  @inline(__always)
  mutating func endOfList(_ end: UInt8, in line: Span<UInt8>) throws(PacketError) -> Bool {
    let byte = try peek(in: line)
    guard byte == UInt8(ascii: ",") || byte == end else { throw .syntax(at: index) }
    index += 1
    return byte == end
  }

  /// `-? (0 | [1-9][0-9]*) (\.[0-9]+)? ([eE][+-]?[0-9]+)?` (RFC 8259, section 6)
  private mutating func number(in line: Span<UInt8>) throws(PacketError) -> Value {
    let isNegative = line[index] == UInt8(ascii: "-")
    if isNegative { index += 1 }
    guard index < line.count else { throw .syntax(at: index) }
    var magnitude: Int64 = 0
    var fits = true
    let firstDigit = index
    while index < line.count, let digit = decimalDigit(line[index]) {
      let (product, over) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, overAgain) = product.addingReportingOverflow(Int64(digit))
      fits = fits && !over && !overAgain
      magnitude = sum
      index += 1
    }
    guard index > firstDigit else { throw .syntax(at: index) }
    if line[firstDigit] == UInt8(ascii: "0"), index - firstDigit > 1 {
      throw .syntax(at: firstDigit + 1)
    }
    var isInteger = true
    if index < line.count, line[index] == UInt8(ascii: ".") {
      isInteger = false
      index += 1
      try digits(in: line)
    }
    if index < line.count, line[index] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      index += 1
      if index < line.count, line[index] == UInt8(ascii: "+") || line[index] == UInt8(ascii: "-") {
        index += 1
      }
      try digits(in: line)
    }
    guard isInteger, fits else { return .number }
    return .integer(isNegative ? -magnitude : magnitude)
  }

  private mutating func digits(in line: Span<UInt8>) throws(PacketError) {
    let start = index
    while index < line.count, decimalDigit(line[index]) != nil { index += 1 }
    guard index > start else { throw .syntax(at: index) }
  }

  /// Reads a string from its opening to its closing quotation mark.
  mutating func string(in line: Span<UInt8>) throws(PacketError) -> JSONString {
    index += 1
    let start = index
    var hasEscapes = false
    while true {
      index = line.endOfPlainText(from: index)
      guard index < line.count else { break }
      let byte = line[index]
      if byte == UInt8(ascii: "\"") {
        let end = index
        index += 1
        return JSONString(start: Int32(start), end: Int32(end), hasEscapes: hasEscapes)
      }
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        try escape(in: line)
      } else if byte < 0x20 {
        throw .syntax(at: index)
      } else {
        guard let length = UTF8Sequence.length(in: line, at: index) else {
          throw .invalidUTF8(at: index)
        }
        index += length
      }
    }
    throw .syntax(at: index)
  }

  private mutating func escape(in line: Span<UInt8>) throws(PacketError) {
    let start = index
    guard index + 1 < line.count else { throw .syntax(at: index) }
    switch line[index + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      index += 2
    case UInt8(ascii: "u"):
      guard let unit = JSONText.codeUnit(in: line, at: index) else { throw .syntax(at: index) }
      index += 6
      guard unit & 0xF800 == 0xD800 else { return }
      guard unit < 0xDC00, let low = JSONText.codeUnit(in: line, at: index), low & 0xFC00 == 0xDC00
      else { throw .unpairedSurrogate(at: start) }
      index += 6
    default: throw .syntax(at: index)
    }
  }
}

@inline(__always)
func decimalDigit(_ byte: UInt8) -> UInt8? {
  let digit = byte &- UInt8(ascii: "0")
  return digit < 10 ? digit : nil
}

/// The keys seen in one object, as they read once their escapes are undone.
///
/// Hashed by the standard library's seeded hasher: a hostile line cannot make this quadratic.
struct KeySet {
  private var keys: Set<[UInt8]> = []

  /// Returns false if the key is there already.
  mutating func insert(_ key: JSONString, in line: Span<UInt8>) -> Bool {
    keys.insert(JSONText.unescapedBytes(key, in: line)).inserted
  }
}
