import Foundation
import Glibc

/// A TCP connection to which a test writes what it likes.
final class RawConnection {
  let descriptor: Int32
  let lines: LineStream
  /// This end's address, as the host prints it.
  let address: String
  private var isOpen = true

  /// Connects to 127.0.0.1.
  /// - Parameter receiveBuffer: bytes the kernel takes for a reader that does not read.
  init(port: UInt16, receiveBuffer: Int32? = nil) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    self.descriptor = descriptor
    if var receiveBuffer {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, 4)
    }
    var target = sockaddr_in.loopback(port: port)
    let status = withUnsafePointer(to: &target) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    lines = LineStream(descriptor, of: "connection")
    address = "127.0.0.1:\(sockaddr_in.localPort(of: descriptor))"
    guard status == 0 else { throw Missed(description: "cannot connect to \(port): \(errno)") }
  }

  deinit { close() }

  /// Not while somebody waits for its lines.
  func close() {
    guard isOpen else { return }
    isOpen = false
    _ = Glibc.close(descriptor)
  }

  /// Ends the connection so that the other side sees an error, not an end.
  func reset() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    let deadline = ContinuousClock.now + patience
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
      }
      if count > 0 {
        rest = rest.dropFirst(count)
        continue
      }
      guard errno == EAGAIN, ContinuousClock.now < deadline else {
        throw Missed(description: "the host takes no more: \(errno)")
      }
      usleep(1000)
    }
  }

  func sendLine(_ text: String) throws { try send(text + "\n") }

  /// The next packet.
  func packet(within time: Duration = patience) throws -> Packet {
    guard let line = try lines.next(within: time, waitingFor: "a packet") else {
      throw Missed(description: "connection: the end came instead of a packet")
    }
    return try Packet(line)
  }

  /// Passes over packets until one of this type, and with this value of a key where one is given.
  @discardableResult
  func expect(
    _ type: String, _ key: String? = nil, _ value: String? = nil, within time: Duration = patience
  ) throws -> Packet {
    let wanted = [type, key, value].compactMap { $0 }.joined(separator: " ")
    let line = try lines.expect(wanted, within: time) { line in
      guard let packet = try? Packet(line), packet.type == type else { return false }
      guard let key else { return true }
      return packet[key] == value
    }
    return try Packet(line.line)
  }

  /// Joins as a version 2 member and reads up to its own count.
  @discardableResult
  func join(_ name: String? = nil, history: Int = 0) throws -> Packet {
    var auth = "{\"type\":\"auth\",\"version\":2"
    if let name { auth += ",\"name\":\"\(name)\"" }
    if history > 0 { auth += ",\"history\":\(history)" }
    try expect("hello")
    try sendLine(auth + "}")
    return try expect("auth_result", "ok", "true")
  }

  func say(_ text: String) throws {
    try sendLine("{\"type\":\"chat\",\"encrypted\":false,\"text\":\"\(text)\"}")
  }
}

/// A packet read by Foundation's JSON reader, which knows nothing of netchat's.
struct Packet: CustomStringConvertible {
  let description: String
  private let fields: [String: Any]

  init(_ line: String) throws {
    guard
      let fields = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    else { throw Missed(description: "no packet: \(line.prefix(200))") }
    self.fields = fields
    description = line
  }

  var type: String { self["type"] ?? "" }

  /// A value as text: `true`, `12`, `alice`.
  subscript(key: String) -> String? {
    switch fields[key] {
    case let text as String: text
    case let number as NSNumber:
      description.contains("\"\(key)\":true")
        ? "true" : description.contains("\"\(key)\":false") ? "false" : number.stringValue
    default: nil
    }
  }
}

extension sockaddr_in {
  static func loopback(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }

  /// The port of this end of a socket.
  static func localPort(of descriptor: Int32) -> UInt16 {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
      _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getsockname(descriptor, $0, &length)
      }
    }
    return UInt16(bigEndian: address.sin_port)
  }
}
