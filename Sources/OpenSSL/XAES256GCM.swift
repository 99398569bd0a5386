import COpenSSL

/// XAES-256-GCM (c2sp.org/XAES-256-GCM): AES-256-GCM with nonces of 24 bytes, long enough to be
/// drawn at random. Sealed is: nonce, ciphertext, tag.
///
/// Its contexts are kept from message to message, so sealing and opening need exclusive access.
@safe
package struct XAES256GCM: ~Copyable, @unchecked Sendable {
  // Unchecked, because whoever changes a context has `self` for itself alone (`mutating`).
  package static let keyLength = 32
  package static let nonceLength = 24
  package static let tagLength = 16
  /// How much longer the sealed form is.
  package static let overhead = nonceLength + tagLength

  private let block: OpaquePointer
  private let sealing: OpaquePointer
  private let opening: OpaquePointer
  /// K1 of CMAC (NIST SP 800-38B), which each message's key is derived with.
  let subkey: Secret

  package init(key: Secret) throws(OpenSSLError) {
    precondition(key.count == Self.keyLength)
    guard let block = unsafe EVP_CIPHER_CTX_new(), let sealing = unsafe EVP_CIPHER_CTX_new(),
      let opening = unsafe EVP_CIPHER_CTX_new()
    else { fatalError("no memory for a cipher") }
    unsafe self.block = block
    unsafe self.sealing = sealing
    unsafe self.opening = opening
    // All members must be there before anything can be thrown: `deinit` needs them.
    var ok = unsafe key.withBytes { key in
      let key = unsafe key.assumingMemoryBound(to: UInt8.self).baseAddress
      return unsafe EVP_EncryptInit_ex2(block, Cipher.aes256ECB, key, nil, nil) == 1
        && EVP_CIPHER_CTX_set_padding(block, 0) == 1
        && EVP_EncryptInit_ex2(sealing, Cipher.aes256GCM, nil, nil, nil) == 1
        && EVP_DecryptInit_ex2(opening, Cipher.aes256GCM, nil, nil, nil) == 1
    }
    subkey = unsafe Secret(count: 16) { target in
      let bytes = unsafe target.assumingMemoryBound(to: UInt8.self)
      unsafe ok = ok && Self.encrypt(block, bytes)
      // Doubling in GF(2^128), without a branch on the key.
      let carry = unsafe bytes[0] >> 7
      for index in 0..<15 { unsafe bytes[index] = bytes[index] << 1 | bytes[index + 1] >> 7 }
      unsafe bytes[15] = bytes[15] << 1 ^ (0x87 & (0 &- carry))
    }
    guard ok else { throw .failed("set up aes-256") }
  }

  deinit {
    // Wipes the key schedules too.
    unsafe EVP_CIPHER_CTX_free(block)
    unsafe EVP_CIPHER_CTX_free(sealing)
    unsafe EVP_CIPHER_CTX_free(opening)
  }

  /// Appends the sealed `plaintext` to `output`. A nonce must never be used twice with one key.
  package mutating func seal(
    _ plaintext: Span<UInt8>, nonce: Span<UInt8>, additionalData: Span<UInt8>,
    into output: inout [UInt8]
  ) throws(OpenSSLError) {
    precondition(nonce.count == Self.nonceLength)
    let start = output.count
    output.append(contentsOf: repeatElement(0, count: plaintext.count + Self.overhead))
    let ok = unsafe plaintext.withUnsafeBufferPointer { plaintext in
      unsafe nonce.withUnsafeBufferPointer { nonce in
        unsafe additionalData.withUnsafeBufferPointer { data in
          unsafe output.withUnsafeMutableBufferPointer { output in
            unsafe seal(
              plaintext, nonce, data, UnsafeMutableBufferPointer(rebasing: output[start...]))
          }
        }
      }
    }
    guard ok else {
      output.removeLast(output.count - start)
      throw .failed("seal a message")
    }
  }

  /// The sealed form under a nonce drawn at random.
  package mutating func seal(
    _ plaintext: Span<UInt8>, additionalData: Span<UInt8>
  ) throws(OpenSSLError) -> [UInt8] {
    let nonce = try Random.bytes(Self.nonceLength)
    var output: [UInt8] = []
    output.reserveCapacity(plaintext.count + Self.overhead)
    try seal(plaintext, nonce: nonce.span, additionalData: additionalData, into: &output)
    return output
  }

  /// The plaintext, or nil when `sealed` was not sealed so by a holder of the key.
  package mutating func open(
    _ sealed: Span<UInt8>, additionalData: Span<UInt8>
  ) throws(OpenSSLError) -> [UInt8]? {
    guard sealed.count >= Self.overhead else { return nil }
    var output = [UInt8](repeating: 0, count: sealed.count - Self.overhead)
    let outcome = unsafe sealed.withUnsafeBufferPointer { sealed in
      unsafe additionalData.withUnsafeBufferPointer { data in
        unsafe output.withUnsafeMutableBufferPointer { unsafe open(sealed, data, $0) }
      }
    }
    guard let authentic = outcome else { throw .failed("open a message") }
    guard authentic else {
      wipe(&output)
      return nil
    }
    return output
  }

  private func seal(
    _ plaintext: UnsafeBufferPointer<UInt8>, _ nonce: UnsafeBufferPointer<UInt8>,
    _ data: UnsafeBufferPointer<UInt8>, _ output: UnsafeMutableBufferPointer<UInt8>
  ) -> Bool {
    let at = output.baseAddress!
    let text = unsafe at + Self.nonceLength
    let tag = unsafe text + plaintext.count
    unsafe at.update(from: nonce.baseAddress!, count: Self.nonceLength)
    var length: Int32 = 0
    let ok = unsafe withMessageKey(nonce) { key, nonce in
      unsafe EVP_EncryptInit_ex2(sealing, nil, key, nonce, nil) == 1
        && (data.isEmpty
          || EVP_EncryptUpdate(sealing, nil, &length, data.baseAddress, Int32(data.count)) == 1)
        && (plaintext.isEmpty
          || EVP_EncryptUpdate(
            sealing, text, &length, plaintext.baseAddress, Int32(plaintext.count)) == 1)
        && EVP_EncryptFinal_ex(sealing, tag, &length) == 1
        && EVP_CIPHER_CTX_ctrl(
          sealing, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), tag) == 1
    }
    return ok == true
  }

  /// nil: OpenSSL failed; false: not authentic.
  private func open(
    _ sealed: UnsafeBufferPointer<UInt8>, _ data: UnsafeBufferPointer<UInt8>,
    _ output: UnsafeMutableBufferPointer<UInt8>
  ) -> Bool? {
    let text = unsafe sealed.baseAddress! + Self.nonceLength
    // OpenSSL copies the tag; only its parameter's type is not const.
    let tag = unsafe UnsafeMutableRawPointer(mutating: text + output.count)
    let nonce = unsafe UnsafeBufferPointer(rebasing: sealed[..<Self.nonceLength])
    var length: Int32 = 0
    var last: (UInt64, UInt64) = (0, 0)
    return unsafe withMessageKey(nonce) { key, nonce -> Bool? in
      let ok =
        unsafe EVP_DecryptInit_ex2(opening, nil, key, nonce, nil) == 1
        && (data.isEmpty
          || EVP_DecryptUpdate(opening, nil, &length, data.baseAddress, Int32(data.count)) == 1)
        && (output.isEmpty
          || EVP_DecryptUpdate(opening, output.baseAddress, &length, text, Int32(output.count))
            == 1)
        && EVP_CIPHER_CTX_ctrl(
          opening, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagLength), tag) == 1
      guard ok else { return nil }
      return unsafe withUnsafeMutableBytes(of: &last) {
        unsafe EVP_DecryptFinal_ex(
          opening, $0.assumingMemoryBound(to: UInt8.self).baseAddress, &length) == 1
      }
    } ?? nil
  }

  /// Derives the message's key from the first half of the nonce; AES-256-GCM gets the second.
  func withMessageKey<Result>(
    _ nonce: UnsafeBufferPointer<UInt8>,
    _ body: (UnsafePointer<UInt8>, UnsafePointer<UInt8>) -> Result?
  ) -> Result? {
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { key in
      defer { unsafe OPENSSL_cleanse(key.baseAddress, key.count) }
      unsafe key.initialize(repeating: 0)
      for half in 0..<2 {
        let start = half * 16
        unsafe key[start + 1] = UInt8(half + 1)
        unsafe key[start + 2] = UInt8(ascii: "X")
        for index in 0..<12 { unsafe key[start + 4 + index] = nonce[index] }
      }
      unsafe subkey.withBytes { subkey in
        for index in 0..<32 { unsafe key[index] ^= subkey[index & 15] }
      }
      guard unsafe Self.encrypt(block, key) else { return nil }
      return unsafe body(UnsafePointer(key.baseAddress!), nonce.baseAddress! + 12)
    }
  }

  /// AES on whole blocks, in place.
  private static func encrypt(
    _ block: OpaquePointer, _ bytes: UnsafeMutableBufferPointer<UInt8>
  ) -> Bool {
    var length: Int32 = 0
    return unsafe EVP_EncryptUpdate(
      block, bytes.baseAddress, &length, bytes.baseAddress, Int32(bytes.count)) == 1
  }
}

/// Fetched once, never freed, and only read from.
private enum Cipher {
  nonisolated(unsafe) static let aes256ECB: OpaquePointer? =
    unsafe EVP_CIPHER_fetch(nil, "AES-256-ECB", nil)
  nonisolated(unsafe) static let aes256GCM: OpaquePointer? =
    unsafe EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
}
