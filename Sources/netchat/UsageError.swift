/// What is wrong with a command line: the user's mistake, said before anything is opened.
///
/// Both texts may quote what the user typed as it came; `Diagnostics` makes it safe to show.
struct UsageError: Error, Equatable, Sendable {
  /// One line, lower case, no full stop.
  let message: String
  /// One line that says what to do instead.
  let hint: String?

  init(_ message: String, hint: String? = nil) {
    self.message = message
    self.hint = hint
  }
}

/// The text between quotes, cut where it would fill the screen.
func quoted(_ text: String) -> String {
  let longest = 80
  let scalars = text.unicodeScalars
  guard scalars.count > longest else { return "'\(text)'" }
  return "'\(String(scalars.prefix(longest)))…'"
}
