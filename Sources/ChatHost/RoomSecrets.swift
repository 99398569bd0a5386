import ChatCore
import OpenSSL
import Synchronization

/// What a host makes of its room's password: the verifier's side of SPAKE2+, the key that messages
/// are sealed with, and, where version 1 clients are let in, theirs (PROTOCOL.md, sections 4, 6, 9).
package final class RoomSecrets: RoomKeys {
  package let salt: [UInt8]
  package let versionOne: (any VersionOneKeys)?
  private let registration: SPAKE2Plus.VerifierRegistration
  private let cipher: RoomCipher

  /// Runs scrypt: some 0.4 s and 128 MiB.
  /// - Parameters:
  ///   - room: the 16 bytes that name the room.
  ///   - admitsVersionOne: whether to derive version 1's keys too.
  package init(
    password: Secret, salt: [UInt8], room: [UInt8], admitsVersionOne: Bool
  ) throws(OpenSSLError) {
    self.salt = salt
    registration = try SPAKE2Plus.VerifierRegistration(password: password, salt: salt.span)
    cipher = try RoomCipher(messageSecret: registration.messageSecret, room: room)
    versionOne = admitsVersionOne ? try VersionOneSecrets(password) : nil
  }

  package func challenge(share: [UInt8], exporter: [UInt8], hello: [UInt8], auth: [UInt8])
    -> (any AdmissionChallenge)?
  {
    guard
      let context = try? AdmissionContext.bytes(exporter: exporter, hello: hello, auth: auth),
      let verifier = try? SPAKE2Plus.Verifier(
        registration, shareP: share.span, context: context.span)
    else { return nil }
    return Challenge(verifier)
  }

  package func open(_ sealed: [UInt8], additionalData: [UInt8]) -> [UInt8]? {
    cipher.open(sealed, additionalData: additionalData)
  }

  package func seal(_ text: [UInt8], additionalData: [UInt8]) -> [UInt8]? {
    cipher.seal(text, additionalData: additionalData)
  }
}

/// One attempt to get in, answered.
private final class Challenge: AdmissionChallenge {
  let share: [UInt8]
  let confirmation: [UInt8]
  /// Used up by the one confirmation that may come.
  private let verifier: Mutex<SPAKE2Plus.Verifier?>

  init(_ verifier: consuming SPAKE2Plus.Verifier) {
    share = verifier.share
    confirmation = verifier.confirmation
    self.verifier = Mutex(consume verifier)
  }

  func accepts(_ confirmation: [UInt8]) -> Bool {
    verifier.withLock { slot in
      guard let verifier = slot.take() else { return false }
      return verifier.accepts(confirmation.span)
    }
  }
}

/// Version 1's keys: cipher 1, and the password itself, which its clients send inside TLS.
private final class VersionOneSecrets: VersionOneKeys {
  private let password: Secret
  private let cipher: VersionOneCipher

  init(_ password: Secret) throws(OpenSSLError) {
    self.password = password
    cipher = try VersionOneCipher(password: password)
  }

  func isPassword(_ password: [UInt8]) -> Bool { self.password == password.span }

  func open(_ sealed: [UInt8]) -> [UInt8]? {
    cipher.open(sealed)
  }

  func seal(_ text: [UInt8]) -> [UInt8]? {
    cipher.seal(text)
  }
}
