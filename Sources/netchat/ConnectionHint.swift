import Glibc
import Sockets

extension SystemError {
  /// What to do about a connection that could not be had; nil where nothing is known.
  var connectionHint: String? {
    switch code {
    case ECONNREFUSED: "no host listens there: is it running, and is the port right?"
    case ENETUNREACH, EHOSTUNREACH: "check the address and this machine's network"
    default: nil
    }
  }
}
