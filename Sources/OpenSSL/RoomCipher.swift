import Synchronization

/// What a room's messages are sealed with (PROTOCOL.md, section 6). Its contexts are used again for
/// each message, by one thread at a time.
package final class RoomCipher: Sendable {
  private let cipher: Mutex<XAES256GCM>

  /// - Parameter room: the 16 bytes that name the room.
  package init(messageSecret: Secret, room: [UInt8]) throws(OpenSSLError) {
    cipher = Mutex(try XAES256GCM(key: SealingKey.derive(from: messageSecret, room: room)))
  }

  /// The text; nil if it was not sealed with this key for exactly this place.
  package func open(_ sealed: [UInt8], additionalData: [UInt8]) -> [UInt8]? {
    cipher.withLock { try? $0.open(sealed.span, additionalData: additionalData.span) }
  }

  /// The text sealed; nil if the machine gives no randomness.
  package func seal(_ text: [UInt8], additionalData: [UInt8]) -> [UInt8]? {
    cipher.withLock { try? $0.seal(text.span, additionalData: additionalData.span) }
  }
}

/// The same for those who speak version 1 (section 9).
package final class VersionOneCipher: Sendable {
  private let cipher: Mutex<CipherOne>

  /// Runs PBKDF2: some 0.1 s.
  package init(password: Secret) throws(OpenSSLError) {
    cipher = Mutex(try CipherOne(password: password))
  }

  package func open(_ sealed: [UInt8]) -> [UInt8]? {
    cipher.withLock { try? $0.open(sealed.span) }
  }

  package func seal(_ text: [UInt8]) -> [UInt8]? {
    cipher.withLock { try? $0.seal(text.span) }
  }
}
