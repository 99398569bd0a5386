/// What the terminal sends: keys, and texts that are pasted as a whole (bracketed paste).
///
/// Bytes go in, scalars come out. Bytes that are not UTF-8 are dropped, and so are the C1 controls: no
/// key sends them, and one stands for a paste.
package struct KeyInput {
  package enum Key: Equatable, Sendable {
    case scalar(Unicode.Scalar)
    /// Line ends as U+000A, other controls than TAB left out.
    case paste(String)
  }

  /// Bytes of a paste that are kept: more than any message may have.
  private static let longestPaste = 256 << 10
  private static let pasteStart = Array("\u{1B}[200~".utf8)
  private static let pasteEnd = Array("\u{1B}[201~".utf8)

  private var bytes: [UInt8] = []
  /// Bytes that came out.
  private var taken = 0
  private var isPasting = false
  private var pasted: [UInt8] = []
  private var searched = 0
  /// Whether what comes is the rest of a paste that was given up.
  private var isDropping = false
  /// When bytes came last.
  private var receivedAt: UInt64 = 0
  /// How long such a rest may pause, in nanoseconds: its end may have been thrown away by the terminal
  /// at Ctrl-C, and what a user types then is meant.
  private static let longestPause: UInt64 = 100_000_000

  package init() {}

  /// - Parameter now: in nanoseconds of the monotonic clock.
  package mutating func receive(_ new: ArraySlice<UInt8>, at now: UInt64 = 0) {
    if isDropping, now > receivedAt + Self.longestPause { isDropping = false }
    receivedAt = now
    if taken > 0 {
      bytes.removeFirst(taken)
      searched -= min(searched, taken)
      taken = 0
    }
    bytes.append(contentsOf: new)
  }

  /// Forgets what came and was not taken; of a paste that has begun the rest, too.
  package mutating func discard() {
    isDropping = isPasting
    bytes = []
    pasted = []
    taken = 0
    searched = 0
    isPasting = false
  }

  /// Whether the last byte that came may begin a paste.
  package var endsWithEscape: Bool { !isPasting && bytes.last == Self.pasteStart[0] }

  /// The next key; nil when more bytes are needed.
  package mutating func next() -> Key? {
    while taken < bytes.count {
      if isDropping, !drop() { return nil }
      guard taken < bytes.count else { return nil }
      if isPasting { return takePaste() }
      if bytes[taken...].starts(with: Self.pasteStart) {
        taken += Self.pasteStart.count
        isPasting = true
        pasted = []
        searched = taken
        continue
      }
      // A lone ESC is a key; more of it is not taken before it is known what it is.
      let rest = bytes[taken...]
      if rest.count > 1, Self.pasteStart.starts(with: rest) { return nil }
      switch scalar() {
      case .scalar(let scalar, let length):
        taken += length
        if !(0x80...0x9F).contains(scalar.value) { return .scalar(scalar) }
      case .invalid: taken += 1
      case .incomplete: return nil
      }
    }
    return nil
  }

  private enum Decoded {
    case scalar(Unicode.Scalar, length: Int)
    case invalid
    case incomplete
  }

  private func scalar() -> Decoded {
    let first = bytes[taken]
    let length =
      switch first {
      case 0..<0x80: 1
      case 0xC2..<0xE0: 2
      case 0xE0..<0xF0: 3
      case 0xF0..<0xF5: 4
      default: 0
      }
    guard length > 0 else { return .invalid }
    let sequence = bytes[taken..<min(taken + length, bytes.count)]
    guard sequence.dropFirst().allSatisfy({ 0x80..<0xC0 ~= $0 }) else { return .invalid }
    guard sequence.count == length else { return .incomplete }
    guard let text = String(validating: sequence, as: UTF8.self),
      let scalar = text.unicodeScalars.first
    else { return .invalid }
    return .scalar(scalar, length: length)
  }

  /// Passes over the paste that was given up, as far as it has come; false where more is to come.
  private mutating func drop() -> Bool {
    while let escape = bytes[taken...].firstIndex(of: Self.pasteEnd[0]) {
      taken = escape
      let rest = bytes[taken...]
      if rest.starts(with: Self.pasteEnd) {
        taken += Self.pasteEnd.count
        isDropping = false
        return true
      }
      // It may be cut here.
      if Self.pasteEnd.starts(with: rest) { return false }
      taken += 1
    }
    taken = bytes.count
    return false
  }

  private mutating func takePaste() -> Key? {
    var index = searched
    while index < bytes.count {
      if bytes[index] == Self.pasteEnd[0] {
        let rest = bytes[index...]
        if rest.starts(with: Self.pasteEnd) {
          keep(bytes[taken..<index])
          taken = index + Self.pasteEnd.count
          searched = taken
          isPasting = false
          defer { pasted = [] }
          return .paste(Self.text(pasted))
        }
        // It may be cut here.
        if Self.pasteEnd.starts(with: rest) { break }
      }
      index += 1
    }
    keep(bytes[taken..<index])
    taken = index
    searched = index
    return nil
  }

  private mutating func keep(_ new: ArraySlice<UInt8>) {
    pasted.append(contentsOf: new.prefix(Self.longestPaste - pasted.count))
  }

  private static func text(_ bytes: [UInt8]) -> String {
    var text = String.UnicodeScalarView()
    var wasReturn = false
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      let isReturn = scalar == "\r"
      switch scalar.value {
      case 0x0D: text.append("\n")
      case 0x0A: if !wasReturn { text.append("\n") }
      case 0x09: text.append(scalar)
      case 0..<0x20, 0x7F..<0xA0: break
      default: text.append(scalar)
      }
      wasReturn = isReturn
    }
    while text.last == "\n" { text.removeLast() }
    return String(text)
  }
}
