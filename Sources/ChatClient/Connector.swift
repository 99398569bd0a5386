import ChatCore
import OpenSSL
import Sockets

/// How to connect to a host.
package struct Connector: Sendable {
  package enum Failure: Error, Equatable {
    /// What the last address tried said.
    case system(Address, SystemError)
    case tls(Address, OpenSSLError)
    case timedOut(Address)
    /// The connection stands, and nothing comes over it.
    case silent(Address)
    /// It speaks clear text, and this client was told to speak TLS only.
    case clearText(Address)

    /// In a few words.
    package var reason: String {
      switch self {
      case .system(_, let error): error.reason
      case .tls(_, let error): "\(error)"
      case .timedOut, .silent: "no answer in time"
      case .clearText: "it is not encrypted"
      }
    }
  }

  /// How to find out what the host speaks.
  package enum Manner: Sendable {
    /// Waits a moment for a clear `hello`, else begins TLS, and comes again in clear text if that
    /// was wrong.
    case find
    /// TLS at once, and nothing else.
    case encrypted
  }

  let host: String
  var manner: Manner
  let context: TLSContext
  var timeout: UInt64?

  /// - Parameters:
  ///   - host: the name or address that was dialled, which a certificate is checked for.
  ///   - timeout: nanoseconds for each address; nil waits as long as the system does.
  package init(host: String, _ manner: Manner, _ context: TLSContext, timeout: UInt64?) {
    self.host = host
    self.manner = manner
    self.context = context
    self.timeout = timeout
  }

  /// How long a clear `hello` is waited for, in nanoseconds (section 2).
  static let helloTime: UInt64 = 300_000_000
}
