import COpenSSL
import Foundation
import Testing

@testable import OpenSSL

/// A server and a client at the two ends of a socket pair, both non-blocking.
struct Pair: ~Copyable {
  var server: TLSConnection
  var client: TLSConnection
  let serverSocket: Int32
  private(set) var clientSocket: Int32

  init(
    server: TLSContext? = nil, client: TLSContext? = nil, host: String = "localhost"
  ) throws {
    signal(SIGPIPE, SIG_IGN)
    let serverContext = try server ?? TLSContext(serving: TLSTests.certificate())
    let clientContext = try client ?? TLSContext(trusting: .anything)
    var ends: [Int32] = [0, 0]
    socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends)
    let (one, other) = (ends[0], ends[1])
    let accepting = try TLSConnection(accepting: serverContext, descriptor: one)
    let connecting = try TLSConnection(connecting: clientContext, descriptor: other, host: host)
    self.server = accepting
    self.client = connecting
    serverSocket = one
    clientSocket = other
  }

  deinit {
    close(serverSocket)
    if clientSocket >= 0 { close(clientSocket) }
  }

  /// Throws what the client met, or the server.
  mutating func handshake(clientFirst: Bool = true) throws {
    var done = (client: false, server: false)
    for _ in 0..<20 where !done.client || !done.server {
      // A failure of one end is news to the other: the one asked about is tried last.
      if clientFirst {
        if !done.client { done.client = try client.handshake() == .done }
        if !done.server {
          do { done.server = try server.handshake() == .done } catch {
            _ = try client.handshake()
            throw error
          }
        }
      } else {
        if !done.client { done.client = (try? client.handshake()) == .done }
        if !done.server { done.server = try server.handshake() == .done }
      }
    }
    #expect(done.client && done.server)
  }

  /// A line there and a line back.
  mutating func converse() throws {
    let line = Array("{\"type\":\"ping\"}\n".utf8)
    var buffer = [UInt8](repeating: 0, count: 100)
    let sent = try client.write(line.span.bytes)
    #expect(sent == .bytes(line.count))
    let got = try server.read(into: &buffer)
    #expect(got == .bytes(line.count))
    #expect(Array(buffer[..<line.count]) == line)
    let answered = try line.withUnsafeBytes { try server.write($0) }
    #expect(answered == .bytes(line.count))
    let back = try client.read(into: &buffer)
    #expect(back == .bytes(line.count))
  }

  /// All of `bytes` from the client to the server.
  mutating func transfer(_ bytes: [UInt8]) throws -> [UInt8] {
    var received: [UInt8] = []
    var start = 0
    var blocked = 0
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while received.count < bytes.count {
      writing: while start < bytes.count {
        let result = try bytes.withUnsafeBytes {
          try client.write(UnsafeRawBufferPointer(rebasing: $0[start...]))
        }
        switch result {
        case .bytes(let count): start += count
        case .wouldBlock:
          blocked += 1
          break writing
        }
      }
      while case .bytes(let count) = try server.read(into: &buffer) {
        received += buffer[..<count]
      }
    }
    #expect(blocked > 0)
    return received
  }

  /// Sends a KeyUpdate and nothing else.
  mutating func updateClientKey() {
    #expect(SSL_key_update(client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
    #expect(SSL_do_handshake(client.ssl) == 1)
  }

  mutating func hangUp() {
    close(clientSocket)
    clientSocket = -1
  }
}

extension TLSConnection {
  mutating func read(into buffer: inout [UInt8]) throws -> ReadResult {
    var elements = buffer.mutableSpan
    var bytes = elements.mutableBytes
    return try read(into: &bytes)
  }
}

/// Sends bytes past TLS.
func send(_ socket: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
  write(socket, bytes.baseAddress, bytes.count)
}

/// As `#expect`, for what is no copy: the macro takes an expression apart and copies its pieces.
func expect(
  _ ok: Bool, _ comment: String = "", at sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(ok, "\(comment)", sourceLocation: sourceLocation)
}
