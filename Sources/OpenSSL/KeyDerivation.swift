import COpenSSL

/// Keys from passwords and from other keys.
package enum KeyDerivation {
  /// What one run of scrypt costs: 128·n·r bytes of memory, and time in proportion to n·r·p.
  package struct ScryptCost: Equatable, Sendable {
    package var n: UInt64
    package var r: UInt64
    package var p: UInt64

    package init(n: UInt64, r: UInt64, p: UInt64) {
      self.n = n
      self.r = r
      self.p = p
    }

    /// OpenSSL counts some small change on top of the 128·r·(n + p) of RFC 7914.
    var memory: UInt64 { 128 * r * (n + p + 2) + (1 << 20) }
  }

  /// scrypt (RFC 7914, `EVP_PBE_scrypt`). Slow on purpose: never on a thread that serves others.
  package static func scrypt(
    password: Secret, salt: Span<UInt8>, cost: ScryptCost, count: Int
  ) throws(OpenSSLError) -> Secret {
    unsafe try Secret(count: count) { output throws(OpenSSLError) in
      let ok = unsafe password.withBytes { password in
        unsafe salt.withUnsafeBytes { salt in
          // Without an address for the password OpenSSL only checks the cost.
          let bytes = unsafe password.assumingMemoryBound(to: CChar.self)
          return unsafe EVP_PBE_scrypt(
            bytes.baseAddress, bytes.count, salt.assumingMemoryBound(to: UInt8.self).baseAddress,
            salt.count, cost.n, cost.r, cost.p, cost.memory, output.baseAddress, output.count)
        }
      }
      guard ok == 1 else { throw .failed("derive a key by scrypt") }
    }
  }

  /// HKDF-SHA256 (RFC 5869), extract and expand; an empty salt is the same as none.
  package static func hkdfSHA256(
    key: Secret, salt: Span<UInt8>, info: Span<UInt8>, count: Int
  ) throws(OpenSSLError) -> Secret {
    unsafe try key.derived(count: count) { key, output throws(OpenSSLError) in
      let ok = unsafe salt.withUnsafeBytes { salt in
        unsafe info.withUnsafeBytes { info in
          unsafe shim_hkdf_sha256(
            key.baseAddress, key.count, salt.baseAddress, salt.count, info.baseAddress,
            info.count, output.baseAddress, output.count)
        }
      }
      guard ok == 1 else { throw .failed("derive a key by hkdf") }
    }
  }

  /// PBKDF2-HMAC-SHA256 (RFC 8018).
  package static func pbkdf2SHA256(
    password: Secret, salt: Span<UInt8>, rounds: Int, count: Int
  ) throws(OpenSSLError) -> Secret {
    unsafe try Secret(count: count) { output throws(OpenSSLError) in
      let ok = unsafe password.withBytes { password in
        unsafe salt.withUnsafeBytes { salt in
          let bytes = unsafe password.assumingMemoryBound(to: CChar.self)
          return unsafe PKCS5_PBKDF2_HMAC(
            bytes.baseAddress, Int32(bytes.count),
            salt.assumingMemoryBound(to: UInt8.self).baseAddress, Int32(salt.count),
            Int32(rounds), Digest.algorithm, Int32(output.count), output.baseAddress)
        }
      }
      guard ok == 1 else { throw .failed("derive a key by pbkdf2") }
    }
  }
}
