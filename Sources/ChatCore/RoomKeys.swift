/// What a host does with what it made of its password (PROTOCOL.md, sections 4, 6 and 9).
///
/// The protocol's side of it; the cryptography is handed in, like time and randomness.
package protocol RoomKeys: Sendable {
  /// The 16 bytes that `hello` gives.
  var salt: [UInt8] { get }

  /// Answers a client's share; nil if the share is none. Lines come without their ends.
  func challenge(share: [UInt8], exporter: [UInt8], hello: [UInt8], auth: [UInt8])
    -> (any AdmissionChallenge)?

  /// Opens a sealed text; nil if it was not sealed with this key for exactly this place.
  func open(_ sealed: [UInt8], additionalData: [UInt8]) -> [UInt8]?

  /// Seals a text; nil if the machine gives no randomness.
  func seal(_ text: [UInt8], additionalData: [UInt8]) -> [UInt8]?

  /// The keys for version 1 clients, where they are let in.
  var versionOne: (any VersionOneKeys)? { get }
}

/// A host's answer to one attempt to get in.
package protocol AdmissionChallenge: Sendable {
  /// 65 bytes.
  var share: [UInt8] { get }
  /// 32 bytes.
  var confirmation: [UInt8] { get }
  /// Whether the client's confirmation shows that it knows the password.
  func accepts(_ confirmation: [UInt8]) -> Bool
}

/// What version 1 makes of a password: cipher 1 (section 9).
package protocol VersionOneKeys: Sendable {
  func isPassword(_ password: [UInt8]) -> Bool
  func open(_ sealed: [UInt8]) -> [UInt8]?
  func seal(_ text: [UInt8]) -> [UInt8]?
}

/// Sealed messages' place in the room, which their seal covers (section 6).
package enum SealedMessage {
  /// `netchat/2 chat` LF room LF sender LF recipient or nothing LF sid LF n
  package static func additionalData(
    room: String, from name: String, to recipient: String, _ number: MessageNumber
  ) -> [UInt8] {
    var data: [UInt8] = []
    data.append("netchat/2 chat\n")
    for part in [room, name, recipient] {
      data.append(contentsOf: part.utf8)
      data.append(UInt8(ascii: "\n"))
    }
    data.append(contentsOf: number.sid.bytes)
    data.append(UInt8(ascii: "\n"))
    data.append(decimal: number.n)
    return data
  }
}
