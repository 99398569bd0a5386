/// What SPAKE2+ binds itself to: this TLS connection and both sides' first lines (PROTOCOL.md,
/// section 4).
package enum AdmissionContext {
  /// `netchat/2 spake2plus` || exporter || SHA-256(hello) || SHA-256(auth), lines without their ends.
  /// - Parameter exporter: 32 bytes (RFC 9266).
  package static func bytes(
    exporter: [UInt8], hello: [UInt8], auth: [UInt8]
  ) throws(OpenSSLError) -> [UInt8] {
    Array("netchat/2 spake2plus".utf8) + exporter + (try Digest.sha256(hello.span))
      + (try Digest.sha256(auth.span))
  }
}

/// The key that a secure room's messages are sealed with (PROTOCOL.md, section 6).
package enum SealingKey {
  /// HKDF-SHA256 of the message secret, with the room's 16 bytes as salt.
  package static func derive(
    from messageSecret: Secret, room: [UInt8]
  ) throws(OpenSSLError) -> Secret {
    try KeyDerivation.hkdfSHA256(
      key: messageSecret, salt: room.span, info: Array("netchat/2 message key".utf8).span,
      count: XAES256GCM.keyLength)
  }
}
