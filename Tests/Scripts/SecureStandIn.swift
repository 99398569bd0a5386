import ChatCore
import ChatHost
import Foundation
import Glibc
import OpenSSL

/// A secure host for one client after the other, whose packets a test makes by hand.
final class SecureStandIn {
  let port: UInt16
  private let listener: Int32
  private let certificate: Certificate
  let secrets: RoomSecrets
  let room = String(repeating: "5a", count: 16)
  private let salt = [UInt8](repeating: 9, count: 16)

  init(password: String) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    self.listener = listener
    var address = sockaddr_in.loopback(port: 0)
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0, listen(listener, 8) == 0 else {
      throw Missed(description: "cannot listen: \(errno)")
    }
    port = sockaddr_in.localPort(of: listener)
    certificate = try Certificate.selfSigned(
      keyType: .ecdsaP256, names: ["127.0.0.1"], days: 1, now: Int64(time(nil)))
    var secret = Array(password.utf8)
    secrets = try RoomSecrets(
      password: Secret(wiping: &secret), salt: salt,
      room: [UInt8](repeating: 0x5A, count: 16), admitsVersionOne: false)
  }

  deinit { close(listener) }

  var hello: String {
    "{\"type\":\"hello\",\"secure\":true,\"version\":2,\"software\":\"test\",\"room\":\"\(room)\","
      + "\"auth\":[\"spake2plus\"],\"salt\":\"\(Data(salt).base64EncodedString())\"}"
  }

  /// The next client, and the line of its `auth` once this has been said to it; nil if it leaves then.
  func greet(_ hello: String) throws -> (lines: TLSLines, auth: String?) {
    var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, Int32(patience.components.seconds) * 1000) == 1 else {
      throw Missed(description: "nobody came")
    }
    let accepted = Glibc.accept(listener, nil, nil)
    guard accepted >= 0 else { throw Missed(description: "cannot accept: \(errno)") }
    let lines = try TLSLines(accepting: accepted, certificate)
    try lines.send(hello)
    return (lines, try lines.next())
  }

  /// The next client that knows what `hello` says, and the line of its `auth`.
  func accept() throws -> (lines: TLSLines, auth: String) {
    while true {
      // The first time it only learns that it needs the password, and comes again with it.
      if case (let lines, let auth?) = try greet(hello) { return (lines, auth) }
    }
  }

  /// Answers a client's `auth` as the protocol says, with share and confirmation changed.
  func challenge(
    _ lines: TLSLines, _ auth: String, share: ([UInt8]) -> [UInt8] = { $0 },
    confirmation: ([UInt8]) -> [UInt8] = { $0 }
  ) throws -> any AdmissionChallenge {
    guard let offered = try Packet(auth)["share"].flatMap({ Data(base64Encoded: $0) }),
      let challenge = secrets.challenge(
        share: Array(offered), exporter: try lines.exporter(), hello: Array(hello.utf8),
        auth: Array(auth.utf8))
    else { throw Missed(description: "no share in \(auth)") }
    try lines.send(
      "{\"type\":\"auth_challenge\",\"share\":\""
        + Data(share(challenge.share)).base64EncodedString() + "\",\"confirm\":\""
        + Data(confirmation(challenge.confirmation)).base64EncodedString() + "\"}")
    return challenge
  }

  /// Lets the next client in, under this name.
  func admit(_ name: String) throws -> TLSLines {
    let (lines, auth) = try accept()
    let challenge = try challenge(lines, auth)
    guard let confirm = try lines.packet("auth_confirm")["confirm"],
      let bytes = Data(base64Encoded: confirm), challenge.accepts(Array(bytes))
    else { throw Missed(description: "the client did not prove itself") }
    try lines.send(
      "{\"type\":\"auth_result\",\"ok\":true,\"client_name\":\"\(name)\",\"id\":0,\"total\":1,"
        + "\"token\":\"AAAA\"}")
    return lines
  }

  /// A chat packet with a text sealed as said by `name`, the payload changed on its way.
  func chat(
    _ text: String, from name: String, n: Int64, id: Int,
    change: ([UInt8]) -> [UInt8] = { $0 }
  ) throws -> String {
    let sid = SecureGuest.sid
    guard let sender = SenderID(Array(sid.utf8).span),
      let sealed = secrets.seal(
        Array(text.utf8),
        additionalData: SealedMessage.additionalData(
          room: room, from: name, to: "", MessageNumber(sid: sender, n: n)))
    else { throw Missed(description: "cannot seal") }
    return "{\"type\":\"chat\",\"encrypted\":true,\"from\":\"\(name)\",\"payload\":\""
      + Data(change(sealed)).base64EncodedString()
      + "\",\"id\":\(id),\"time\":1763857997123,\"sid\":\"\(sid)\",\"n\":\(n)}"
  }
}
