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
    if value < 0 { append(UInt8(ascii: "-")) }
    var rest = value.magnitude
    let start = count
    repeat {
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest > 0
    self[start...].reverse()
  }
}

extension Span<UInt8> {
  /// The index of the first `byte` at or after `start`.
  @inline(__always)
  func firstIndex(of byte: UInt8, from start: Int) -> Int? {
    var index = start
    while index < count {
      if self[index] == byte { return index }
      index += 1
    }
    return nil
  }

  func starts(with literal: StaticString) -> Bool {
    guard literal.utf8CodeUnitCount <= count else { return false }
    return literal.withUTF8Buffer { buffer in
      for index in buffer.indices where unsafe buffer[index] != self[index] { return false }
      return true
    }
  }
}
