import COpenSSL

/// SHA-256, and HMAC over it.
package enum Digest {
  package static let length = 32

  package static func sha256(_ bytes: Span<UInt8>) throws(OpenSSLError) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: length)
    let ok = unsafe bytes.withUnsafeBytes { source in
      unsafe digest.withUnsafeMutableBytes { target in
        unsafe sha256(source, into: target)
      }
    }
    guard ok else { throw .failed("hash") }
    return digest
  }

  package static func hmacSHA256(
    key: Secret, _ bytes: Span<UInt8>
  ) throws(OpenSSLError) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: length)
    let ok = unsafe key.withBytes { key in
      unsafe bytes.withUnsafeBytes { source in
        unsafe code.withUnsafeMutableBytes { target in
          unsafe hmacSHA256(key: key, source, into: target)
        }
      }
    }
    guard ok else { throw .failed("authenticate bytes") }
    return code
  }

  /// Fetched once: OpenSSL looks `EVP_sha256()` up anew for each digest. Never freed, and only
  /// read from.
  nonisolated(unsafe) static let algorithm: OpaquePointer? =
    unsafe EVP_MD_fetch(nil, "SHA256", nil)

  static func sha256(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) -> Bool {
    precondition(target.count == length)
    return unsafe EVP_Digest(
      source.baseAddress, source.count, target.baseAddress, nil, algorithm, nil) == 1
  }

  static func hmacSHA256(
    key: UnsafeRawBufferPointer, _ source: UnsafeRawBufferPointer,
    into target: UnsafeMutableRawBufferPointer
  ) -> Bool {
    precondition(target.count == length)
    guard let context = unsafe EVP_MAC_CTX_dup(hmac) else { return false }
    defer { unsafe EVP_MAC_CTX_free(context) }
    // A nil key would mean "the one before", so an empty key needs an address.
    let empty: [UInt8] = [0]
    var count = 0
    return unsafe empty.withUnsafeBytes { empty in
      unsafe EVP_MAC_init(
        context, (key.baseAddress ?? empty.baseAddress)?.assumingMemoryBound(to: UInt8.self),
        key.count, nil) == 1
        && EVP_MAC_update(
          context, source.assumingMemoryBound(to: UInt8.self).baseAddress, source.count) == 1
        && EVP_MAC_final(
          context, target.assumingMemoryBound(to: UInt8.self).baseAddress, &count, target.count)
          == 1
    } && count == length
  }

  /// HMAC over SHA-256, still without a key: copied for each use, for `HMAC()` looks both up anew,
  /// which takes longer than the work. Never freed, and only copied from.
  nonisolated(unsafe) private static let hmac: OpaquePointer? = unsafe shim_hmac_sha256()
}
