import CLinux
import Glibc

/// A listening TCP or unix socket, non-blocking, open as long as somebody refers to it.
package final class Listener: Sendable {
  private let descriptor: Descriptor
  package let address: Address
  /// The file of a unix socket that this process has made: its device and its number.
  private let file: (device: dev_t, number: ino_t)?

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
    file = nil
  }

  /// Takes over a socket that somebody else opened, bound and made listen.
  /// - Throws: ENOTSOCK, and EOPNOTSUPP for one that does not listen for streams.
  package init(adopting number: Int32) throws(SystemError) {
    let opened = Descriptor(owning: number)
    for (option, wanted) in [(SO_ACCEPTCONN, 1), (SO_TYPE, Int32(SOCK_STREAM.rawValue))] {
      var value: Int32 = 0
      var length = socklen_t(MemoryLayout<Int32>.size)
      _ = try system("getsockopt") {
        unsafe Int(getsockopt(number, SOL_SOCKET, option, &value, &length))
      }
      guard value == wanted else { throw SystemError("listen", code: EOPNOTSUPP) }
    }
    let flags = try system("fcntl") { Int(fcntl(number, F_GETFL)) }
    _ = try system("fcntl") { Int(fcntl(number, F_SETFL, Int32(flags) | O_NONBLOCK)) }
    _ = try system("fcntl") { Int(fcntl(number, F_SETFD, FD_CLOEXEC)) }
    guard let address = unsafe Address(filledBy: { unsafe getsockname(number, $0, $1) == 0 }) else {
      throw SystemError("getsockname", code: errno)
    }
    if address.family != AF_UNIX {
      try setOption(number, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
      try watchForSilence(number)
    }
    self.address = address
    descriptor = opened
    file = nil
  }

  /// Listens on a unix socket. The file of one that nobody listens on any more is replaced; one that
  /// somebody listens on is an error, EADDRINUSE, and so is anything else there, EEXIST.
  ///
  /// To be called while the process has one thread: the permissions go by its umask.
  package init(onUnixPath path: String, mode: mode_t) throws(SystemError) {
    let wanted = try Address(unixPath: path)
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let number = Int32(try system("socket") { Int(socket(AF_UNIX, type, 0)) })
    let opened = Descriptor(owning: number)
    let isAbstract = path.hasPrefix("@")
    if !isAbstract { try Self.removeDeadFile(path, wanted) }
    let old = umask(0o777 & ~mode)
    defer { _ = umask(old) }
    _ = try system("bind") { unsafe wanted.withPointer { unsafe Int(bind(number, $0, $1)) } }
    _ = try system("listen") { Int(listen(number, 4096)) }
    address = wanted
    descriptor = opened
    var status = stat()
    file =
      unsafe !isAbstract && lstat(path, &status) == 0 ? (status.st_dev, status.st_ino) : nil
  }

  private static func removeDeadFile(_ path: String, _ address: Address) throws(SystemError) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw SystemError("bind", code: EEXIST) }
    do throws(SystemError) {
      _ = try StreamSocket(connectingTo: address)
    } catch {
      guard error.code == ECONNREFUSED else {
        // Its queue is full (EAGAIN), or this user may not connect: somebody may be there.
        throw SystemError("bind", code: error.code == EACCES ? EACCES : EADDRINUSE)
      }
      // By another name first: of two hosts that find the same dead file, the second must not take
      // away the new one of the first.
      let dead = "\(path).\(getpid())"
      let number = status.st_ino
      _ = try system("rename") { unsafe Int(rename(path, dead)) }
      guard unsafe lstat(dead, &status) == 0, status.st_ino == number else {
        _ = unsafe rename(dead, path)
        throw SystemError("bind", code: EADDRINUSE)
      }
      _ = try system("unlink") { unsafe Int(unlink(dead)) }
      return
    }
    throw SystemError("bind", code: EADDRINUSE)
  }

  /// Removes the file of a unix socket that this process has made, unless it is another by now.
  package func removeFile() {
    var status = stat()
    guard let file, let path = address.unixPath, unsafe lstat(path, &status) == 0,
      status.st_dev == file.device, status.st_ino == file.number
    else { return }
    // Best effort: a file that stays is found dead by the next host.
    _ = unsafe unlink(path)
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
