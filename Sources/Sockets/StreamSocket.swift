import CLinux
import Glibc

/// A non-blocking TCP or unix socket, connected or on its way there.
package struct StreamSocket: ~Copyable, Sendable {
  private let descriptor: Descriptor

  /// Takes over a connected, non-blocking socket.
  package init(owning number: Int32) { descriptor = Descriptor(owning: number) }

  /// Gives the descriptor up, to be taken over on another thread.
  package consuming func release() -> Int32 { descriptor.release() }

  /// The descriptor's number, for a poller or a library that does the transfer itself.
  package var number: Int32 { descriptor.number }

  /// Begins to connect. The connection stands once the socket is writable and ``connectionError()``
  /// is nil.
  package init(connectingTo address: Address) throws(SystemError) {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let number = Int32(try system("socket") { Int(socket(address.family, type, 0)) })
    let opened = Descriptor(owning: number)
    if address.family != AF_UNIX {
      try setOption(number, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
      try watchForSilence(number)
    }
    do {
      _ = try system("connect") { () -> Int in
        unsafe address.withPointer { unsafe Int(connect(number, $0, $1)) }
      }
    } catch {
      guard error.code == EINPROGRESS else { throw error }
    }
    descriptor = opened
  }

  /// The reason why connecting failed, once the socket became writable.
  package func connectionError() -> SystemError? {
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    let status = unsafe getsockopt(descriptor.number, SOL_SOCKET, SO_ERROR, &code, &length)
    return status == 0 && code == 0 ? nil : SystemError("connect", code: status == 0 ? code : errno)
  }

  /// The far end's address; nil when it has gone already.
  package var peer: Address? {
    unsafe Address { unsafe getpeername(descriptor.number, $0, $1) == 0 }
  }

  /// The user whose program connected, for a unix socket (SO_PEERCRED); nil for others.
  package var peerUser: UInt32? {
    var user: UInt32 = 0
    return unsafe netchat_peer_user(descriptor.number, &user) == 0 ? user : nil
  }

  /// The next byte that came, left to be received; nil if there is none yet.
  /// - Returns: `.some(nil)` at the end of the stream.
  package borrowing func peekByte() throws(SystemError) -> UInt8?? {
    var byte: UInt8 = 0
    let count = try systemUnlessBlocked("recv") {
      unsafe recv(descriptor.number, &byte, 1, Int32(MSG_PEEK))
    }
    guard let count else { return .none }
    return .some(count == 0 ? nil : byte)
  }

  /// Receives what is there, at most the span's size.
  package borrowing func receive(into span: inout MutableSpan<UInt8>) throws(SystemError)
    -> Received
  {
    let count = unsafe try span.withUnsafeMutableBytes { buffer throws(SystemError) in
      try systemUnlessBlocked("recv") {
        unsafe recv(descriptor.number, buffer.baseAddress, buffer.count, 0)
      }
    }
    guard let count else { return .wouldBlock }
    return count == 0 ? .endOfStream : .bytes(count)
  }

  /// Sends as many of the bytes as the kernel takes now.
  package borrowing func send(_ bytes: Span<UInt8>) throws(SystemError) -> Sent {
    let count = unsafe try bytes.withUnsafeBytes { buffer throws(SystemError) in
      try systemUnlessBlocked("send") {
        unsafe Glibc.send(
          descriptor.number, buffer.baseAddress, buffer.count, messageNoSignal)
      }
    }
    return count.map(Sent.bytes) ?? .wouldBlock
  }

  /// Says that nothing more will be sent. Errors do not matter: the connection is over either way.
  package borrowing func finishSending() {
    _ = shutdown(descriptor.number, Int32(SHUT_WR))
  }
}

/// A send to a peer that is gone is an error, not a SIGPIPE.
private let messageNoSignal = Int32(MSG_NOSIGNAL)

func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32)
  throws(SystemError)
{
  var value = value
  _ = try system("setsockopt") {
    unsafe Int(
      setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size)))
  }
}

/// Lets the kernel find a far end that is gone without a word: 75 s of silence, or of sent bytes
/// that nobody acknowledges (PROTOCOL.md, section 5). Accepted sockets inherit it of the listener.
func watchForSilence(_ descriptor: Int32) throws(SystemError) {
  try setOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
  try setOption(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, 30)
  try setOption(descriptor, Int32(IPPROTO_TCP), TCP_KEEPINTVL, 15)
  try setOption(descriptor, Int32(IPPROTO_TCP), TCP_KEEPCNT, 3)
  try setOption(descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, 75_000)
}
