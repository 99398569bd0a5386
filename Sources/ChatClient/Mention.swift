/// Where a text names somebody.
package enum Mention {
  /// The places where a name stands as a word of its own, in whatever case.
  package static func places(
    of name: String, in text: [Unicode.Scalar]
  ) -> [Range<Int>] {
    let wanted = name.unicodeScalars.map(folded)
    guard !wanted.isEmpty, wanted.count <= text.count else { return [] }
    var places: [Range<Int>] = []
    var start = 0
    while start + wanted.count <= text.count {
      let end = start + wanted.count
      if folded(text[start]) == wanted[0],
        (1..<wanted.count).allSatisfy({ folded(text[start + $0]) == wanted[$0] }),
        start == 0 || !isOfWord(text[start - 1]), end == text.count || !isOfWord(text[end])
      {
        places.append(start..<end)
        start = end
      } else {
        start += 1
      }
    }
    return places
  }

  private static func folded(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    if scalar.isASCII {
      return (65...90).contains(scalar.value)
        ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar
    }
    let lower = scalar.properties.lowercaseMapping.unicodeScalars
    return lower.count == 1 ? lower.first ?? scalar : scalar
  }

  private static func isOfWord(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || scalar.properties.isAlphabetic
      || scalar.properties.generalCategory == .decimalNumber
      || scalar.properties.canonicalCombiningClass != .notReordered
  }
}
