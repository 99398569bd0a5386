import COpenSSL

/// "Cipher 1" of protocol version 1 (PROTOCOL.md, section 9): what the Python clients seal
/// messages with, kept for `--compat` only. Sealed is: nonce, tag, ciphertext.
@safe
package struct CipherOne: ~Copyable, @unchecked Sendable {
  // Unchecked, because whoever changes the context has `self` for itself alone (`mutating`).
  package static let nonceLength = 16
  package static let tagLength = 16
  /// How much longer the sealed form is.
  package static let overhead = nonceLength + tagLength

  private let context: OpaquePointer
  private let encryptionKey: Secret
  private let tagKey: Secret

  /// Runs PBKDF2 with 200,000 rounds: once a room, not once a message.
  package init(password: Secret) throws(OpenSSLError) {
    let salt = [UInt8]("network-communication-scripts-v1".utf8)
    let material = try KeyDerivation.pbkdf2SHA256(
      password: password, salt: salt.span, rounds: 200_000, count: 64)
    guard let context = unsafe EVP_MD_CTX_new() else { fatalError("no memory for a digest") }
    unsafe self.context = context
    encryptionKey = material.part(0..<32)
    tagKey = material.part(32..<64)
  }

  deinit {
    unsafe EVP_MD_CTX_free(context)
  }

  package mutating func seal(
    _ plaintext: Span<UInt8>, nonce: Span<UInt8>
  ) throws(OpenSSLError) -> [UInt8] {
    precondition(nonce.count == Self.nonceLength)
    var sealed = [UInt8](repeating: 0, count: Self.overhead + plaintext.count)
    for index in nonce.indices { sealed[index] = nonce[index] }
    for index in plaintext.indices { sealed[Self.overhead + index] = plaintext[index] }
    let ok = unsafe sealed.withUnsafeMutableBytes { bytes in
      let nonce = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<Self.nonceLength])
      let tag = unsafe UnsafeMutableRawBufferPointer(
        rebasing: bytes[Self.nonceLength..<Self.overhead])
      let text = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[Self.overhead...])
      return unsafe applyKeystream(to: text, nonce: nonce)
        && withTag(nonce: nonce, ciphertext: UnsafeRawBufferPointer(text)) {
          unsafe tag.copyMemory(from: $0)
        } != nil
    }
    guard ok else { throw .failed("seal a message") }
    return sealed
  }

  /// The sealed form under a nonce drawn at random.
  package mutating func seal(_ plaintext: Span<UInt8>) throws(OpenSSLError) -> [UInt8] {
    let nonce = try Random.bytes(Self.nonceLength)
    return try seal(plaintext, nonce: nonce.span)
  }

  /// The plaintext, or nil when `sealed` was not sealed so by a holder of the password.
  package mutating func open(_ sealed: Span<UInt8>) throws(OpenSSLError) -> [UInt8]? {
    guard sealed.count >= Self.overhead else { return nil }
    var text = [UInt8](repeating: 0, count: sealed.count - Self.overhead)
    for index in text.indices { text[index] = sealed[Self.overhead + index] }
    let outcome = unsafe sealed.withUnsafeBytes { sealed -> Bool? in
      let nonce = unsafe UnsafeRawBufferPointer(rebasing: sealed[..<Self.nonceLength])
      let tag = unsafe UnsafeRawBufferPointer(
        rebasing: sealed[Self.nonceLength..<Self.overhead])
      let ciphertext = unsafe UnsafeRawBufferPointer(rebasing: sealed[Self.overhead...])
      let authentic = unsafe withTag(nonce: nonce, ciphertext: ciphertext) {
        unsafe constantTimeEqual($0, tag)
      }
      guard authentic == true else { return authentic }
      let ok = unsafe text.withUnsafeMutableBytes {
        unsafe applyKeystream(to: $0, nonce: nonce)
      }
      return ok ? true : nil
    }
    guard let authentic = outcome else { throw .failed("open a message") }
    return authentic ? text : nil
  }

  /// XORs `text` with SHA-256(encryption key || nonce || i), i = 0, 1, …
  private func applyKeystream(
    to text: UnsafeMutableRawBufferPointer, nonce: UnsafeRawBufferPointer
  ) -> Bool {
    unsafe encryptionKey.withBytes { key in
      unsafe withUnsafeTemporaryAllocation(byteCount: Digest.length, alignment: 8) { stream in
        defer { unsafe OPENSSL_cleanse(stream.baseAddress, stream.count) }
        var start = 0
        var number: UInt64 = 0
        while start < text.count {
          var counter = number.bigEndian
          let ok = unsafe withUnsafeBytes(of: &counter) {
            unsafe hash(key, nonce, $0, into: stream)
          }
          guard ok else { return false }
          for index in 0..<min(Digest.length, text.count - start) {
            unsafe text[start + index] ^= stream[index]
          }
          start += Digest.length
          number += 1
        }
        return true
      }
    }
  }

  /// Gives `body` the first bytes of SHA-256(tag key || nonce || ciphertext); nil on failure.
  private func withTag<Result>(
    nonce: UnsafeRawBufferPointer, ciphertext: UnsafeRawBufferPointer,
    _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result? {
    unsafe tagKey.withBytes { key in
      unsafe withUnsafeTemporaryAllocation(byteCount: Digest.length, alignment: 8) { digest in
        guard unsafe hash(key, nonce, ciphertext, into: digest) else { return nil }
        return unsafe body(UnsafeRawBufferPointer(rebasing: digest[..<Self.tagLength]))
      }
    }
  }

  private func hash(
    _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer,
    _ third: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) -> Bool {
    unsafe EVP_DigestInit_ex2(context, Digest.algorithm, nil) == 1
      && EVP_DigestUpdate(context, first.baseAddress, first.count) == 1
      && EVP_DigestUpdate(context, second.baseAddress, second.count) == 1
      && EVP_DigestUpdate(context, third.baseAddress, third.count) == 1
      && EVP_DigestFinal_ex(
        context, target.assumingMemoryBound(to: UInt8.self).baseAddress, nil) == 1
  }
}
