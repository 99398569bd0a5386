import ChatCore
import Glibc
import Sockets

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
  /// Ctrl-C, or a signal, where something was asked for.
  case interrupted = 130
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
    let first = "netchat: \(DisplayText.line(message))\n"
    return hint.map { first + "  \(DisplayText.line($0))\n" } ?? first
  }

  /// A text from outside, so that it stays on its line and moves nothing.
  static func oneLine(_ text: String) -> String { DisplayText.line(text) }

  /// Writes all of the text. Says whether it did:
  /// for standard error nobody can be told.
  @discardableResult
  static func write(_ text: String, to descriptor: Int32) -> Bool {
    do throws(SystemError) {
      try writeAll(text, to: descriptor)
    } catch {
      return false
    }
    return true
  }
}
