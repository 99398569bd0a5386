import ChatCore
import OpenSSL
import Synchronization

/// What a client makes of its password for one room: the prover's side of SPAKE2+, and the key that
/// messages are sealed with. Made once a room, and kept over reconnects.
package final class RoomPassword: ClientKeys {
  package let salt: [UInt8]
  package let room: String
  private let registration: SPAKE2Plus.ProverRegistration
  private let cipher: RoomCipher

  /// Runs scrypt: some 0.4 s and 128 MiB.
  /// - Parameter room: the 32 hexadecimal digits of `hello`, whose 16 bytes are `roomBytes`.
  package init(password: Secret, salt: [UInt8], room: String, roomBytes: [UInt8])
    throws(OpenSSLError)
  {
    self.salt = salt
    self.room = room
    registration = try SPAKE2Plus.ProverRegistration(password: password, salt: salt.span)
    cipher = try RoomCipher(messageSecret: registration.messageSecret, room: roomBytes)
  }

  package func begin() -> (any PasswordProof)? {
    guard let prover = try? SPAKE2Plus.Prover(registration) else { return nil }
    return Proof(prover)
  }

  package func open(_ sealed: [UInt8], additionalData: [UInt8]) -> [UInt8]? {
    cipher.open(sealed, additionalData: additionalData)
  }

  package func seal(_ text: [UInt8], additionalData: [UInt8]) -> [UInt8]? {
    cipher.seal(text, additionalData: additionalData)
  }
}

/// One attempt to get in.
private final class Proof: PasswordProof {
  let share: [UInt8]
  /// Used up by the one answer that may come.
  private let prover: Mutex<SPAKE2Plus.Prover?>

  init(_ prover: consuming SPAKE2Plus.Prover) {
    share = prover.share
    self.prover = Mutex(consume prover)
  }

  func confirm(
    share: [UInt8], confirmation: [UInt8], exporter: [UInt8], hello: [UInt8], auth: [UInt8]
  ) -> [UInt8]? {
    guard
      let context = try? AdmissionContext.bytes(exporter: exporter, hello: hello, auth: auth)
    else { return nil }
    return prover.withLock { slot in
      guard let prover = slot.take() else { return nil }
      return try? prover.finish(
        shareV: share.span, confirmV: confirmation.span, context: context.span)
    }
  }
}

/// What a client speaks to a secure version 1 host with.
package final class VersionOnePassword: VersionOneClientKeys {
  private let secret: Secret
  private let cipher: VersionOneCipher

  package init(_ password: Secret) throws(OpenSSLError) {
    secret = password
    cipher = try VersionOneCipher(password: password)
  }

  package var password: [UInt8] {
    unsafe secret.withBytes { unsafe Array($0) }
  }

  package func open(_ sealed: [UInt8]) -> [UInt8]? {
    cipher.open(sealed)
  }

  package func seal(_ text: [UInt8]) -> [UInt8]? {
    cipher.seal(text)
  }
}
