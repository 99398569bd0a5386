/// A member's name (PROTOCOL.md, section 4).
///
/// Never changed once made, and shared: each message needs its sender's.
package final class Name: Sendable {
  package let text: String
  /// What names are compared by. Swift compares and hashes strings by canonical equivalence.
  package let folded: String
  /// The text as it stands between quotation marks in JSON.
  package let escaped: [UInt8]
  /// What comes before the text of this member's messages, in packets in clear text and in the lines
  /// that people see.
  let chatPacketHead: [UInt8]
  let chatLineHead: [UInt8]

  /// A name that keeps the rules; nil if the text breaks one, or is the host's own.
  package convenience init?(_ text: String) {
    guard NameRules.allow(text), NameRules.fold(text) != "server" else { return nil }
    self.init(unchecked: text)
  }

  /// A name that this program made.
  private init(unchecked text: String) {
    self.text = text
    folded = NameRules.fold(text)
    var escaped: [UInt8] = []
    JSONText.appendEscaped(text, to: &escaped)
    self.escaped = escaped
    chatPacketHead =
      Array("{\"type\":\"chat\",\"encrypted\":false,\"from\":\"".utf8) + escaped
      + Array("\",\"text\":\"".utf8)
    chatLineHead = Array("\(DisplayText.line(text)): ".utf8)
  }

  /// What a name is compared by that may keep no rule.
  package static func folded(_ text: String) -> String { NameRules.fold(text) }

  /// What the host calls itself.
  package static let server = Name(unchecked: "server")

  /// The name that the host gives to a client that wishes none.
  package static func numbered(_ number: Int) -> Name { Name(unchecked: "clint\(number)") }

  /// This name with `-2`, `-3`, ... behind it, shortened so that it fits.
  package func with(suffix: Int) -> Name {
    let ending = "-\(suffix)"
    let room = Limits.nameLength - ending.unicodeScalars.count
    return Name(unchecked: String(text.unicodeScalars.prefix(room)) + ending)
  }

  /// Whether this is `clint` and ASCII digits: a name that is the host's to give.
  package var isReserved: Bool {
    let utf8 = folded.utf8
    return folded.hasPrefix("clint") && utf8.count > 5
      && utf8.dropFirst(5).allSatisfy { decimalDigit($0) != nil }
  }
}

/// Which texts may be names, and how names are compared (PROTOCOL.md, section 4).
enum NameRules {
  static func allow(_ text: String) -> Bool {
    let scalars = text.unicodeScalars
    guard let first = scalars.first, scalars.count <= Limits.nameLength, mayBegin(with: first)
    else { return false }
    var scripts: Script = []
    var last: Unicode.Scalar = first
    for scalar in scalars {
      guard scalar == " " ? last != " " : mayContain(scalar) else { return false }
      scripts.formUnion(Script(of: scalar))
      last = scalar
    }
    if scripts.contains(.latin), !scripts.isDisjoint(with: [.greek, .cyrillic]) { return false }
    return last != " "
  }

  /// Full-width forms to ASCII, upper case, then lower case.
  static func fold(_ text: String) -> String {
    var narrow = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if 0xFF01...0xFF5E ~= scalar.value, let ascii = Unicode.Scalar(scalar.value - 0xFEE0) {
        narrow.append(ascii)
      } else {
        narrow.append(scalar)
      }
    }
    return String(narrow).uppercased().lowercased()
  }

  private static func mayBegin(with scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
      .decimalNumber, .letterNumber, .otherNumber:
      true
    default: isEmoji(scalar)
    }
  }

  private static func mayContain(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == ":" || isBlank(scalar) { return false }
    let properties = scalar.properties
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator, .lineSeparator,
      .paragraphSeparator:
      return false
    default: return !properties.isDefaultIgnorableCodePoint && !properties.isWhitespace
    }
  }

  /// Emoji_Presentation or Extended_Pictographic.
  ///
  /// The standard library does not name the second property, but it breaks text by it: rule GB11 of
  /// UAX #29 joins two scalars around a zero width joiner into one character only if both are
  /// Extended_Pictographic. Marks and other scalars that never begin a character are not.
  private static func isEmoji(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.properties.isEmojiPresentation { return true }
    guard scalar.value >= 0x80, !isMark(scalar) else { return false }
    var pair = String.UnicodeScalarView()
    pair.append(contentsOf: [scalar, "\u{200D}", scalar])
    return String(pair).count == 1
  }

  private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .modifierSymbol: true
    default: false
    }
  }

  /// Scalars that show nothing although no property of theirs says so: the Braille blank, the
  /// musical null notehead, the hieroglyphic blanks; and the Hangul fillers.
  private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x2800, 0x115F, 0x1160, 0x3164, 0xFFA0, 0x1D159, 0x13441, 0x13442: true
    default: false
    }
  }
}

/// The scripts whose letters look alike and must not be mixed in a name.
///
/// From Unicode's Scripts.txt, with the unassigned scalars inside a block left in: those cannot be in
/// a name anyway.
private struct Script: OptionSet {
  let rawValue: UInt8
  static let latin = Script(rawValue: 1)
  static let greek = Script(rawValue: 2)
  static let cyrillic = Script(rawValue: 4)

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init(of scalar: Unicode.Scalar) {
    switch scalar.value {
    case 0x41...0x5A, 0x61...0x7A, 0xAA, 0xBA, 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x2B8,
      0x2E0...0x2E4,
      0x1D00...0x1D25, 0x1D2C...0x1D5C, 0x1D62...0x1D65, 0x1D6B...0x1D77, 0x1D79...0x1DBE,
      0x1E00...0x1EFF, 0x2071, 0x207F, 0x2090...0x209C, 0x212A...0x212B, 0x2132, 0x214E,
      0x2160...0x2188, 0x2C60...0x2C7F, 0xA722...0xA787, 0xA78B...0xA7FF, 0xAB30...0xAB5A,
      0xAB5C...0xAB64, 0xAB66...0xAB69, 0xFB00...0xFB06, 0xFF21...0xFF3A, 0xFF41...0xFF5A,
      0x10780...0x107BA, 0x1DF00...0x1DF2A:
      self = .latin
    case 0x370...0x373, 0x375...0x377, 0x37A...0x37D, 0x37F, 0x384, 0x386, 0x388...0x3E1,
      0x3F0...0x3FF, 0x1D26...0x1D2A, 0x1D5D...0x1D61, 0x1D66...0x1D6A, 0x1DBF, 0x1F00...0x1FFE,
      0x2126, 0xAB65, 0x10140...0x1018E, 0x101A0, 0x1D200...0x1D245:
      self = .greek
    case 0x400...0x484, 0x487...0x52F, 0x1C80...0x1C8A, 0x1D2B, 0x1D78, 0x2DE0...0x2DFF,
      0xA640...0xA69F, 0xFE2E...0xFE2F, 0x1E030...0x1E08F:
      self = .cyrillic
    default: self = []
    }
  }
}
