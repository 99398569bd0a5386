import COpenSSL
import Foundation
import Testing

@testable import OpenSSL

@Suite struct TLSTests {
  static let now = Int64(Date().timeIntervalSince1970)

  static func certificate(
    _ type: Certificate.KeyType = .ecdsaP256, names: [String] = ["localhost", "127.0.0.1", "::1"]
  ) throws -> Certificate {
    try .selfSigned(keyType: type, names: names, days: 1, now: now)
  }

  @Test(
    "a certificate of each key type, loaded from files, makes a handshake",
    arguments: [Certificate.KeyType.ecdsaP256, .ed25519, .rsa(bits: 2048)])
  func handshakes(type: Certificate.KeyType) throws {
    let folder = try Folder()
    let certificate = try Self.certificate(type)
    let (path, keyPath) = try folder.write(certificate)
    let loaded = try Certificate(certificateFile: path, keyFile: keyPath, now: Self.now)
    var pair = try Pair(
      server: TLSContext(serving: loaded), client: TLSContext(trusting: .file(path)))
    try pair.handshake()
    expect(pair.client.certificateProblem == nil)
    try expect(pair.client.peerFingerprint() == certificate.fingerprint)
    try expect(pair.server.peerFingerprint() == nil)
    expect(pair.client.version == "TLSv1.3")
    expect(pair.server.cipher == "TLS_AES_128_GCM_SHA256")
    try pair.converse()
  }

  @Test("bytes arrive both ways, also more than the socket takes at once")
  func data() throws {
    var pair = try Pair()
    try pair.handshake()
    var sent = [UInt8](repeating: 0, count: 3_000_000)
    for index in sent.indices { sent[index] = UInt8(truncatingIfNeeded: index &* 31 >> 3) }
    try expect(pair.transfer(sent) == sent)
    try pair.converse()
  }

  @Test("a write that would block may be repeated from other memory, and with more behind it")
  func movedBuffer() throws {
    var pair = try Pair()
    try pair.handshake()
    let line = [UInt8](repeating: 7, count: 16_000)
    var sent = 0
    while case .bytes(let count) = try line.withUnsafeBytes({ try pair.server.write($0) }) {
      sent += count
    }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var got = 0
    while got < sent {
      if case .bytes(let count) = try pair.client.read(into: &buffer) { got += count }
    }
    let longer = line + [8, 9]
    var rest = longer[...]
    while !rest.isEmpty {
      switch try rest.withUnsafeBytes({ try pair.server.write($0) }) {
      case .bytes(let count): rest = rest.dropFirst(count)
      case .wouldBlock: break
      }
      if case .bytes(let count) = try pair.client.read(into: &buffer) { got += count }
    }
    while case .bytes(let count) = try pair.client.read(into: &buffer) { got += count }
    #expect(got == sent + longer.count)
  }

  @Test("the end of the stream is seen with a goodbye and without")
  func endOfStream() throws {
    for polite in [true, false] {
      var pair = try Pair()
      try pair.handshake()
      try pair.converse()
      if polite {
        pair.client.shutdown()
        pair.client.shutdown()
      }
      pair.hangUp()
      var buffer = [UInt8](repeating: 0, count: 100)
      try expect(pair.server.read(into: &buffer) == .endOfStream)
      try expect(pair.server.read(into: &buffer) == .endOfStream)
    }
  }

  @Test("both ends export the same bytes, and other ones through a relay that ends TLS")
  func exporter() throws {
    let certificate = try Self.certificate()
    var one = try Pair(server: TLSContext(serving: certificate))
    var other = try Pair(server: TLSContext(serving: certificate))
    try one.handshake()
    try other.handshake()
    let bytes = try one.client.exporter()
    #expect(bytes.count == 32)
    try expect(one.server.exporter() == bytes)
    try expect(other.server.exporter() == other.client.exporter())
    // A relay is a server of one connection and the client of the next.
    try expect(other.server.exporter() != bytes)

    // No context and an empty one are the same in TLS 1.3.
    var without = [UInt8](repeating: 0, count: 32)
    let label = "EXPORTER-Channel-Binding"
    SSL_export_keying_material(one.server.ssl, &without, 32, label, label.utf8.count, nil, 0, 0)
    #expect(without == bytes)
  }

  @Test("tls 1.2 is spoken only where it was asked for, and exports nothing")
  func oldVersion() throws {
    let certificate = try Self.certificate()
    let old = try TLSContext(trusting: .anything, minimum: .tls12)
    SSL_CTX_ctrl(old.context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
    var refused = try Pair(server: TLSContext(serving: certificate), client: old)
    #expect(throws: OpenSSLError.handshake(reason: "unsupported protocol")) {
      try refused.handshake(clientFirst: false)
    }
    var pair = try Pair(server: TLSContext(serving: certificate, minimum: .tls12), client: old)
    try pair.handshake()
    expect(pair.client.version == "TLSv1.2")
    try pair.converse()
    #expect(throws: OpenSSLError.self) { _ = try pair.client.exporter() }
  }

  @Test("a certificate is accepted for its names alone")
  func names() throws {
    let folder = try Folder()
    let certificate = try Self.certificate()
    let (path, _) = try folder.write(certificate)
    let server = try TLSContext(serving: certificate)
    let client = try TLSContext(trusting: .file(path))
    for host in ["localhost", "localhost.", "LOCALHOST", "127.0.0.1", "::1", "::1%lo"] {
      var pair = try Pair(server: server, client: client, host: host)
      try pair.handshake()
      expect(pair.client.certificateProblem == nil, "\(host)")
    }
    for (host, reason) in [
      ("example.org", "hostname mismatch"), ("127.0.0.2", "ip address mismatch"),
      ("::2", "ip address mismatch"),
    ] {
      var pair = try Pair(server: server, client: client, host: host)
      #expect(throws: OpenSSLError.certificateRejected(reason: reason)) { try pair.handshake() }
    }
    #expect(throws: OpenSSLError.self) { _ = try Pair(server: server, client: client, host: "") }
  }

  @Test("an unknown certificate is refused, or told about when that was asked for")
  func unknownCertificate() throws {
    let certificate = try Self.certificate()
    let server = try TLSContext(serving: certificate)
    var strict = try Pair(server: server, client: TLSContext(trusting: .system))
    do {
      try strict.handshake()
      Issue.record("accepted")
    } catch OpenSSLError.certificateRejected(let reason) {
      #expect(reason.contains("self") && reason.contains("signed certificate"), "\(reason)")
    }
    var lenient = try Pair(server: server, client: TLSContext(trusting: .system, required: false))
    try lenient.handshake()
    expect(lenient.client.certificateProblem?.contains("signed certificate") == true)
    try expect(lenient.client.peerFingerprint() == certificate.fingerprint)
    var blind = try Pair(server: server, client: TLSContext(trusting: .anything))
    try blind.handshake()
    expect(blind.client.certificateProblem != nil)

    // A file that names another certificate.
    let folder = try Folder()
    let (path, _) = try folder.write(try Self.certificate())
    var wrong = try Pair(server: server, client: TLSContext(trusting: .file(path)))
    #expect(throws: OpenSSLError.self) { try wrong.handshake() }
  }

  @Test("a client is told when a certificate has expired")
  func expired() throws {
    let folder = try Folder()
    let certificate = try Certificate.selfSigned(
      keyType: .ed25519, names: ["localhost"], days: 1, now: Self.now - 10 * 86_400)
    let (path, _) = try folder.write(certificate)
    var pair = try Pair(
      server: TLSContext(serving: certificate), client: TLSContext(trusting: .file(path)))
    #expect(throws: OpenSSLError.certificateRejected(reason: "certificate has expired")) {
      try pair.handshake()
    }
  }

  @Test("a peer that speaks no TLS, or hangs up, is said to")
  func noTLS() throws {
    var pair = try Pair()
    _ = Array("{\"type\":\"hello\"}\n".utf8).withUnsafeBytes { send(pair.clientSocket, $0) }
    #expect(throws: OpenSSLError.handshake(reason: "the other side does not speak tls")) {
      _ = try pair.server.handshake()
    }
    var closed = try Pair()
    closed.hangUp()
    #expect(throws: OpenSSLError.handshake(reason: "the other side closed the connection")) {
      _ = try closed.server.handshake()
    }
  }

  @Test("a peer that sends key updates and nothing else is cut off, one that talks is not")
  func keyUpdates() throws {
    var pair = try Pair()
    try pair.handshake()
    var buffer = [UInt8](repeating: 0, count: 1000)
    // With data in between they are welcome, however many they become.
    for _ in 0..<20 {
      for _ in 0..<10 { pair.updateClientKey() }
      try pair.converse()
      expect(pair.server.recordsWithoutData == 0)
    }
    for _ in 0..<TLSConnection.mostRecordsWithoutData { pair.updateClientKey() }
    try expect(pair.server.read(into: &buffer) == .wouldBlock(wantWrite: false))
    expect(pair.server.recordsWithoutData == TLSConnection.mostRecordsWithoutData)
    pair.updateClientKey()
    #expect(throws: OpenSSLError.recordsWithoutData) { _ = try pair.server.read(into: &buffer) }

    // All at once, in one read-ahead buffer.
    var flood = try Pair()
    try flood.handshake()
    for _ in 0..<200 { flood.updateClientKey() }
    #expect(throws: OpenSSLError.recordsWithoutData) { _ = try flood.server.read(into: &buffer) }
    expect(flood.server.recordsWithoutData == TLSConnection.mostRecordsWithoutData + 1)
  }

  @Test("what is left of a record is pending")
  func pending() throws {
    var pair = try Pair()
    try pair.handshake()
    let text = Array("hello, room".utf8)
    _ = try text.withUnsafeBytes { try pair.client.write($0) }
    var buffer = [UInt8](repeating: 0, count: 5)
    try expect(pair.server.read(into: &buffer) == .bytes(5))
    expect(pair.server.hasPending)
    try expect(pair.server.read(into: &buffer) == .bytes(5))
    try expect(pair.server.read(into: &buffer) == .bytes(1))
    expect(!pair.server.hasPending)
    try expect(pair.server.read(into: &buffer) == .wouldBlock(wantWrite: false))
  }

  @Test("random bytes instead of a handshake end in an error, never in a crash")
  func garbage() throws {
    let server = try TLSContext(serving: Self.certificate())
    var generator = SystemRandomNumberGenerator()
    for round in 0..<300 {
      var pair = try Pair(server: server)
      var bytes = (0..<400).map { _ in UInt8.random(in: 0...255, using: &generator) }
      if round % 2 == 0 { bytes.replaceSubrange(..<5, with: [0x16, 3, 1, 1, 0x80]) }
      _ = bytes.withUnsafeBytes { send(pair.clientSocket, $0) }
      pair.hangUp()
      #expect(throws: OpenSSLError.self) {
        while try pair.server.handshake() != .done {}
      }
    }
  }
}
