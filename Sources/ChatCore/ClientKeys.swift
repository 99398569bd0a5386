/// What a client makes of its password for one room (PROTOCOL.md, sections 4, 6 and 9).
///
/// The protocol's side of it; the cryptography is handed in.
package protocol ClientKeys: Sendable {
  /// What they were made for: the `salt` and the `room` of its `hello`.
  var salt: [UInt8] { get }
  var room: String { get }

  /// Begins a proof; nil if the machine gives no randomness.
  func begin() -> (any PasswordProof)?
  /// Opens a sealed text; nil if it was not sealed with this key for exactly this place.
  func open(_ sealed: [UInt8], additionalData: [UInt8]) -> [UInt8]?
  /// Seals a text; nil if the machine gives no randomness.
  func seal(_ text: [UInt8], additionalData: [UInt8]) -> [UInt8]?
}

/// One attempt to get into a room.
package protocol PasswordProof: Sendable {
  /// 65 bytes.
  var share: [UInt8] { get }
  /// The confirmation for the host, if its own shows that it knows the password over exactly this
  /// connection. Lines come without their ends. To be called once.
  func confirm(
    share: [UInt8], confirmation: [UInt8], exporter: [UInt8], hello: [UInt8], auth: [UInt8]
  ) -> [UInt8]?
}

/// What a client speaks to a secure version 1 host with: the password itself, and cipher 1.
package protocol VersionOneClientKeys: Sendable {
  var password: [UInt8] { get }
  func open(_ sealed: [UInt8]) -> [UInt8]?
  func seal(_ text: [UInt8]) -> [UInt8]?
}
