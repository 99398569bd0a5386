import Glibc

/// What the program's end tells whoever started it.
enum ExitStatus: Int32, Sendable {
  case success = 0
  case failure = 1
  /// The command line is wrong.
  case usage = 2
  /// The connection was lost and could not be had again.
  case connectionLost = 3
  /// The connection ended before it was known whether all messages arrived.
  case deliveryUnknown = 4
  /// What was waited for did not come in time.
  case expectTimedOut = 5
}

/// The one place that tells people what went wrong.
enum Diagnostics {
  /// Writes `netchat: MESSAGE`, and the hint indented on a line of its own, to standard error.
  /// Neither can break a line or move the cursor, whatever they quote.
  static func report(_ message: String, hint: String? = nil) {
    write(format(message, hint: hint), to: STDERR_FILENO)
  }

  static func report(_ error: UsageError) {
    report(error.message, hint: error.hint)
  }

  static func format(_ message: String, hint: String? = nil) -> String {
    let first = "netchat: \(DisplayText.visible(message))\n"
    return hint.map { first + "  \(DisplayText.visible($0))\n" } ?? first
  }

  /// Writes all of the text, at once where the kernel takes it at once. Says whether it did:
  /// for standard error nobody can be told.
  @discardableResult
  static func write(_ text: String, to descriptor: Int32) -> Bool {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      // The pointer and the count are of one buffer, and do not leave the closure.
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count)
      }
      if count > 0 {
        bytes = bytes.dropFirst(count)
      } else if count == 0 || errno != EINTR {
        return false
      }
    }
    return true
  }
}

/// To be replaced by ChatCore's.
enum DisplayText {
  /// The text with control characters (C0, DEL, C1), line and paragraph separators and
  /// bidirectional controls made visible.
  static func visible(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0..<0x20:
        result.append(Unicode.Scalar(scalar.value + 0x2400) ?? "\u{FFFD}")
      case 0x7F:
        result.append("\u{2421}")
      case 0x80...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069:
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let padding = String(repeating: "0", count: 4 - digits.count)
        result.append(contentsOf: "‹U+\(padding)\(digits)›".unicodeScalars)
      default:
        result.append(scalar)
      }
    }
    return String(result)
  }
}
