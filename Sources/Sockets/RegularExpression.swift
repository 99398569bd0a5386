import Glibc

/// A POSIX extended regular expression (regcomp(3)) over UTF-8.
///
/// Safe to use: the C library's handle never leaves it, and goes with it.
@safe package struct RegularExpression: ~Copyable {
  private var compiled = unsafe regex_t()

  package struct Failure: Error, Equatable {
    /// The reason in the system's words, lower case.
    package let reason: String
  }

  package init(_ pattern: String) throws(Failure) {
    // Characters, not bytes; the locale that every Debian has. Numbers and times stay as they are.
    _ = unsafe setlocale(LC_CTYPE, "C.UTF-8")
    let code = unsafe regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB)
    guard code == 0 else {
      var words = [CChar](repeating: 0, count: 256)
      _ = unsafe regerror(code, &compiled, &words, words.count)
      let end = words.firstIndex(of: 0) ?? words.count
      let text = String(decoding: words[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw Failure(reason: text.prefix(1).lowercased() + text.dropFirst())
    }
  }

  /// Whether some of the text, which has no NUL, matches.
  package mutating func matches(_ text: String) -> Bool {
    unsafe regexec(&compiled, text, 0, nil, 0) == 0
  }

  deinit {
    // A copy of the handle: `self` cannot be changed here any more, and is not used again.
    var compiled = unsafe compiled
    unsafe regfree(&compiled)
  }
}
