import Foundation
import Glibc
import OpenSSL

/// Lines over a TLS connection that a test makes itself, so that it can change any of them.
final class TLSLines {
  private let descriptor: Int32
  private var connection: TLSConnection
  private var received: [UInt8] = []

  /// Joins a host on 127.0.0.1, whose certificate does not matter.
  convenience init(connectingTo port: UInt16) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var target = sockaddr_in.loopback(port: port)
    let status = withUnsafePointer(to: &target) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw Missed(description: "cannot connect to \(port): \(errno)") }
    let context = try TLSContext(trusting: .anything)
    try self.init(
      descriptor,
      TLSConnection(connecting: context, descriptor: descriptor, host: "127.0.0.1"))
  }

  /// Serves a client that has been accepted.
  convenience init(accepting descriptor: Int32, _ certificate: Certificate) throws {
    try self.init(
      descriptor,
      TLSConnection(accepting: TLSContext(serving: certificate), descriptor: descriptor))
  }

  private init(_ descriptor: Int32, _ connection: consuming TLSConnection) throws {
    self.descriptor = descriptor
    self.connection = connection
    // The calls block, for as long as a test has patience.
    var time = timeval(tv_sec: Int(patience.components.seconds), tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    guard try self.connection.handshake() == .done else {
      throw Missed(description: "the TLS handshake did not end")
    }
  }

  deinit { close(descriptor) }

  /// What names this TLS connection (RFC 9266).
  func exporter() throws -> [UInt8] { try connection.exporter() }

  func send(_ line: String) throws {
    let bytes = Array((line + "\n").utf8)
    guard try connection.write(bytes.span.bytes) == .bytes(bytes.count) else {
      throw Missed(description: "the other side takes no more")
    }
  }

  /// The next line; nil at the end of the stream.
  func next() throws -> String? {
    while true {
      if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: received[..<end], as: UTF8.self)
        received.removeFirst(end + 1)
        return line
      }
      var buffer = [UInt8](repeating: 0, count: TLSConnection.largestRecord)
      var span = buffer.mutableSpan
      var raw = span.mutableBytes
      switch try? connection.read(into: &raw) {
      case .bytes(let count): received += buffer[..<count]
      case .endOfStream, nil: return nil
      case .wouldBlock: throw Missed(description: "no line came; begun was \(received.count) bytes")
      }
    }
  }

  func packet() throws -> Packet {
    guard let line = try next() else {
      throw Missed(description: "the end came instead of a packet")
    }
    return try Packet(line)
  }

  /// The next packet of this type.
  func packet(_ type: String) throws -> Packet {
    while true {
      let packet = try packet()
      if packet.type == type { return packet }
    }
  }

  func shutdown() { connection.shutdown() }
}
