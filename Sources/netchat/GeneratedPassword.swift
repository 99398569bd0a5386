import OpenSSL

/// A password that is drawn, and can be said over a phone: `bafo-kiru-melo-tuda-pevi`.
///
/// Ten syllables of a consonant and a vowel. 14 consonants that are written one way (no c, q, x, j,
/// w, y, no silent h) and 5 vowels make 70 syllables, log2(70) = 6.129 bits each; all ten together
/// 70^10 passwords, 61.29 bits. The hyphens add nothing, but belong to it.
enum GeneratedPassword {
  /// How many passwords there are.
  static let count: UInt64 = 2_824_752_490_000_000_000

  private static let consonants = Array("bdfgklmnprstvz".utf8)
  private static let vowels = Array("aeiou".utf8)
  private static let groups = 5
  private static let syllablesOfGroup = 2

  /// - Parameter random: draws a number, each as likely as any other.
  static func draw<Failure: Error>(
    random: () throws(Failure) -> UInt64
  ) throws(Failure) -> Secret {
    // Numbers from the last, incomplete round would make some passwords likelier than others.
    let rounds = UInt64.max / count
    while true {
      let number = try random()
      if number < rounds * count { return password(number: number % count) }
    }
  }

  static func draw() throws(OpenSSLError) -> Secret {
    try draw { () throws(OpenSSLError) in
      var bytes = try Random.bytes(8)
      defer { wipe(&bytes) }
      return bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
  }

  /// Each number below `count` makes a password of its own.
  static func password(number: UInt64) -> Secret {
    precondition(number < count)
    var rest = number
    var text: [UInt8] = []
    text.reserveCapacity(groups * (2 * syllablesOfGroup + 1))
    for group in 0..<groups {
      if group > 0 { text.append(UInt8(ascii: "-")) }
      for _ in 0..<syllablesOfGroup {
        let (next, syllable) = rest.quotientAndRemainder(dividingBy: 70)
        rest = next
        text.append(consonants[Int(syllable) / vowels.count])
        text.append(vowels[Int(syllable) % vowels.count])
      }
    }
    return Secret(wiping: &text)
  }
}
