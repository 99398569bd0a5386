import Glibc

extension [UInt8] {
  /// Appends a stretch of bytes by one copy.
  @inline(__always)
  package mutating func append(_ span: borrowing Span<UInt8>) {
    // The buffer is used only inside the closure, while the span is borrowed.
    unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }

  /// Appends a literal's UTF-8 by one copy.
  @inline(__always)
  package mutating func append(_ literal: StaticString) {
    // A static string's bytes live as long as the program.
    literal.withUTF8Buffer { unsafe append(contentsOf: $0) }
  }

  /// Appends an integer in decimal.
  package mutating func append(decimal value: Int64) {
    if 0...9 ~= value { return append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value)) }
    if value < 0 { append(UInt8(ascii: "-")) }
    // 2^64 has 20 digits.
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var first = 20
    var rest = value.magnitude
    repeat {
      first -= 1
      digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0
    append(digits.span.extracting(first..<20))
  }
}

extension Span<UInt8> {
  /// The index of the first `byte` at or after `start`.
  @inline(__always)
  func firstIndex(of byte: UInt8, from start: Int) -> Int? {
    // The C library looks at many bytes at once; the pointers stay inside the closure.
    unsafe withUnsafeBufferPointer { buffer in
      guard start < buffer.count, let base = buffer.baseAddress,
        let found = unsafe memchr(base + start, Int32(byte), buffer.count - start)
      else { return nil }
      return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }
  }

  /// The index of the first byte at or after `start` that a JSON string does not simply contain: a
  /// quotation mark, a backslash, a control character, or one outside ASCII. The count if there is
  /// none.
  @inline(__always)
  func endOfPlainText(from start: Int) -> Int {
    var index = start
    // Eight bytes at a time: a byte's high bit is set where the byte is one of those. A borrow may
    // set the bit of a plain byte too, but only behind a real one: the lowest is always real.
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    let raw = unsafe bytes
    while index + 8 <= count {
      // Inside the span, and any bytes make an integer.
      let word = UInt64(
        littleEndian: unsafe raw.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
      let quote = word ^ (ones &* 0x22)
      let backslash = word ^ (ones &* 0x5C)
      let special =
        (word &- ones &* 0x20) | (quote &- ones) | (backslash &- ones) | word
      let found = special & highs
      if found != 0 { return index + found.trailingZeroBitCount / 8 }
      index += 8
    }
    while index < count {
      let byte = self[index]
      if byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5C { return index }
      index += 1
    }
    return index
  }

  /// The index of the first byte at or after `start` outside ASCII; the count if there is none.
  @inline(__always)
  func endOfASCII(from start: Int) -> Int {
    var index = start
    let raw = unsafe bytes
    // Inside the span, and any bytes make an integer.
    while index + 8 <= count,
      unsafe raw.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
        & 0x8080_8080_8080_8080 == 0
    { index += 8 }
    while index < count, self[index] < 0x80 { index += 1 }
    return index
  }

  /// Whether every byte is ASCII that a terminal just shows, and stands in a JSON string as it is.
  @inline(__always)
  var isPlainAndPrintable: Bool {
    // Nearly no text has DEL, the one character that JSON takes and a terminal does not show.
    endOfPlainText(from: 0) == count && firstIndex(of: 0x7F, from: 0) == nil
  }

  /// Whether these are the first bytes.
  @inline(__always)
  func starts(with head: Span<UInt8>) -> Bool {
    guard head.count <= count else { return false }
    // Both are borrowed while their pointers are used, and neither is shorter than what is compared.
    return unsafe withUnsafeBytes { own in
      unsafe head.withUnsafeBytes { head in
        guard let own = own.baseAddress, let start = head.baseAddress else {
          return true
        }
        return unsafe memcmp(own, start, head.count) == 0
      }
    }
  }

  /// Inlined, so that the literal's bytes are compared as constants.
  @inline(__always)
  func starts(with literal: StaticString) -> Bool {
    guard literal.utf8CodeUnitCount <= count else { return false }
    return literal.withUTF8Buffer { buffer in
      for index in buffer.indices where unsafe buffer[index] != self[index] { return false }
      return true
    }
  }
}
