import ChatClient
import ChatCore
import Foundation
import OpenSSL

/// A client of a secure room whose packets a test makes by hand (PROTOCOL.md, sections 4 and 6).
final class SecureGuest {
  let lines: TLSLines
  let keys: RoomPassword
  private let hello: String

  /// Connects and reads `hello`.
  /// - Parameter keys: those of an earlier guest of the same room; nil makes them of the password.
  init(_ port: UInt16, password: String, keys: RoomPassword? = nil) throws {
    lines = try TLSLines(connectingTo: port)
    hello = try lines.next() ?? ""
    let packet = try Packet(hello)
    guard let room = packet["room"], let bytes = Hexadecimal.decode(room),
      let salt = packet["salt"].flatMap({ Data(base64Encoded: $0) })
    else { throw Missed(description: "no secure hello: \(hello)") }
    var secret = Array(password.utf8)
    self.keys =
      try keys
      ?? RoomPassword(
        password: Secret(wiping: &secret), salt: Array(salt), room: room, roomBytes: bytes)
  }

  /// Asks to be let in, and returns the answer to it.
  /// - Parameters:
  ///   - share, confirmation: what to do with them before they go out.
  func join(
    _ name: String, share change: ([UInt8]) -> [UInt8] = { $0 },
    confirmation changeConfirmation: ([UInt8]) -> [UInt8] = { $0 }
  ) throws -> Packet {
    guard let proof = keys.begin() else { throw Missed(description: "no random numbers") }
    func auth(_ share: [UInt8]) -> String {
      "{\"type\":\"auth\",\"version\":2,\"method\":\"spake2plus\",\"share\":\""
        + Data(share).base64EncodedString() + "\",\"name\":\"\(name)\"}"
    }
    let sent = auth(change(proof.share))
    try lines.send(sent)
    let challenge = try lines.packet()
    guard challenge.type == "auth_challenge" else { return challenge }
    // What it believes to have sent: only the wire changed it.
    let confirmation = proof.confirm(
      share: try decode(challenge, "share"), confirmation: try decode(challenge, "confirm"),
      exporter: try lines.exporter(), hello: Array(hello.utf8), auth: Array(auth(proof.share).utf8))
    // With a changed share the host's confirmation does not hold; an attacker would go on.
    let made = confirmation ?? Array(repeating: 7, count: 32)
    try lines.send(
      "{\"type\":\"auth_confirm\",\"confirm\":\""
        + Data(changeConfirmation(made)).base64EncodedString() + "\"}")
    return try lines.packet()
  }

  private func decode(_ packet: Packet, _ key: String) throws -> [UInt8] {
    guard let bytes = packet[key].flatMap({ Data(base64Encoded: $0) }) else {
      throw Missed(description: "no \(key) in \(packet)")
    }
    return Array(bytes)
  }

  static let sid = "0123456789abcdef"

  /// A text sealed as said by `name`.
  func seal(_ text: String, as name: String, n: Int64) throws -> [UInt8] {
    guard let sid = SenderID(Array(Self.sid.utf8).span),
      let sealed = keys.seal(
        Array(text.utf8),
        additionalData: SealedMessage.additionalData(
          room: keys.room, from: name, to: "", MessageNumber(sid: sid, n: n)))
    else { throw Missed(description: "cannot seal") }
    return sealed
  }

  func say(_ sealed: [UInt8], n: Int64) throws {
    try lines.send(
      "{\"type\":\"chat\",\"encrypted\":true,\"payload\":\"" + Data(sealed).base64EncodedString()
        + "\",\"sid\":\"\(Self.sid)\",\"n\":\(n)}")
  }
}
