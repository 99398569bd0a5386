import COpenSSL
import Glibc

/// What can go wrong in this module. The words are lower case, and never hold a secret.
package enum OpenSSLError: Error, Equatable, CustomStringConvertible {
  /// OpenSSL refused to do something: what, and its reason.
  case failed(_ task: String, reason: String)
  /// SPAKE2+ did not end well. A wrong password, a bad share and a bad confirmation are the same
  /// case, so that nobody can tell them apart by mistake.
  case authenticationFailed
  /// A file, or PEM text, that is of no use: its path (or a word for it) and why.
  case unusable(_ path: String, reason: String)
  /// A name that cannot stand in a certificate.
  case invalidName(_ name: String, reason: String)
  /// The TLS handshake failed.
  case handshake(reason: String)
  /// The peer's certificate was not accepted.
  case certificateRejected(reason: String)
  /// An established TLS connection broke.
  case connection(reason: String)
  /// The peer keeps sending TLS records without data (such as key updates).
  case recordsWithoutData

  package var description: String {
    switch self {
    case .failed(let task, let reason): "cannot \(task): \(reason)"
    case .authenticationFailed: "authentication failed"
    case .unusable(let path, let reason): "cannot use \(path): \(reason)"
    case .invalidName(let name, let reason): "cannot certify '\(name)': \(reason)"
    case .handshake(let reason): "tls handshake failed: \(reason)"
    case .certificateRejected(let reason): "certificate not accepted: \(reason)"
    case .connection(let reason): "tls connection broke: \(reason)"
    case .recordsWithoutData: "tls connection broke: only records without data"
    }
  }

  /// An error that takes its reason from this thread's error queue, and empties that.
  static func failed(_ task: String) -> OpenSSLError {
    .failed(task, reason: takeReason())
  }

  /// The first error in the queue is the cause, the later ones are its consequences.
  static func takeReason() -> String {
    let code = ERR_get_error()
    ERR_clear_error()
    return words(for: code)
  }

  static func words(for code: UInt) -> String {
    guard code != 0 else { return "no reason given" }
    if shim_err_is_system(code) != 0 { return words(forSystemError: shim_err_reason(code)) }
    // The string is a constant of the library, or nil.
    guard let text = unsafe ERR_reason_error_string(code) else { return "error \(code)" }
    return unsafe String(cString: text).lowercased()
  }

  static func words(forSystemError number: Int32) -> String {
    // glibc keeps the text of an unknown number per thread, all others are constants.
    guard let text = unsafe strerror(number) else { return "system error \(number)" }
    return unsafe String(cString: text).lowercased()
  }
}

/// Empties this thread's error queue, before a call whose failure is read from there. It nearly always is
/// empty, and emptying it all the same costs as much as a tenth of a microsecond.
@inline(__always)
func clearErrors() {
  if ERR_peek_error() != 0 { ERR_clear_error() }
}
