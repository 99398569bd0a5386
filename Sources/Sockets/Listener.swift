import CLinux
import Glibc

/// A listening TCP socket, non-blocking, open as long as somebody refers to it.
package final class Listener: Sendable {
  private let descriptor: Descriptor
  package let address: Address

  package var number: Int32 { descriptor.number }

  /// Listens on one address. An IPv6 wildcard takes IPv4 connections as well.
  package init(on wanted: Address) throws(SystemError) {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let number = Int32(try system("socket") { Int(socket(wanted.family, type, 0)) })
    let opened = Descriptor(owning: number)
    // A host started again takes its port back while old connections are still in TIME_WAIT; on
    // Linux two listeners still exclude each other.
    try setOption(number, SOL_SOCKET, SO_REUSEADDR, 1)
    if wanted.family == AF_INET6 {
      try setOption(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, wanted.isWildcard ? 0 : 1)
    }
    // Set once here and inherited by each accepted socket, instead of five calls a connection.
    try setOption(number, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    try watchForSilence(number)
    _ = try system("bind") { unsafe wanted.withPointer { unsafe Int(bind(number, $0, $1)) } }
    _ = try system("listen") { Int(listen(number, 4096)) }
    address = unsafe Address { unsafe getsockname(number, $0, $1) == 0 } ?? wanted
    descriptor = opened
  }

  package enum Accepted: ~Copyable {
    case connection(StreamSocket, Address)
    case wouldBlock
    /// The peer went away while it was being accepted: nothing is lost, accept the next.
    case aborted
  }

  /// Takes the next waiting connection.
  /// - Throws: what keeps every connection from being accepted: EMFILE, ENFILE, ENOBUFS, ENOMEM.
  package func accept() throws(SystemError) -> Accepted {
    let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    var accepted: Int32 = -1
    let peer = unsafe Address { pointer, length in
      unsafe accepted = netchat_accept4(descriptor.number, pointer, length, flags)
      return accepted >= 0
    }
    if let peer { return .connection(StreamSocket(owning: accepted), peer) }
    let code = errno
    switch code {
    case EAGAIN, EWOULDBLOCK: return .wouldBlock
    case EMFILE, ENFILE, ENOBUFS, ENOMEM, EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP:
      throw SystemError("accept", code: code)
    default: return .aborted  // accept(2): errors of the new socket itself, and EINTR
    }
  }
}
