import COpenSSL
import Glibc

/// Certificates and keys as text, and the files that they lie in.
enum PEM {
  /// More than any chain or key takes.
  private static let largestFile = 1 << 20

  /// A whole file. As a secret, because it may hold a key.
  static func file(_ path: String) throws(OpenSSLError) -> Secret {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(path) }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var count = 0
    while true {
      if count == buffer.count {
        guard count < largestFile else { throw .unusable(path, reason: "file too large") }
        // Not `append`: what is left behind when the array moves must be wiped.
        var larger = [UInt8](repeating: 0, count: buffer.count * 2)
        larger.replaceSubrange(..<count, with: buffer)
        wipe(&buffer)
        buffer = larger
      }
      let got = unsafe buffer.withUnsafeMutableBytes {
        unsafe read(descriptor, $0.baseAddress! + count, $0.count - count)
      }
      if got == 0 { break }
      if got > 0 {
        count += got
      } else if errno != EINTR {
        let error = unreadable(path)
        wipe(&buffer)
        throw error
      }
    }
    let contents = Secret(copying: buffer.span.extracting(..<count))
    wipe(&buffer)
    return contents
  }

  private static func unreadable(_ path: String) -> OpenSSLError {
    .unusable(path, reason: OpenSSLError.words(forSystemError: errno))
  }

  /// All certificates of a text, at least one. `source` is the file's name, for errors.
  static func certificates(
    _ text: Secret, source: String
  ) throws(OpenSSLError) -> [X509Certificate] {
    clearErrors()
    var certificates: [X509Certificate] = []
    unsafe text.withBytes { text in
      let bio = unsafe reader(text)
      while let next = unsafe PEM_read_bio_X509(bio, nil, shim_no_passphrase, nil) {
        unsafe certificates.append(X509Certificate(owning: next))
      }
      unsafe BIO_free(bio)
    }
    // Reading ends with an error in any case; "no start line" is the end of the text.
    let code = ERR_peek_last_error()
    let ended =
      shim_err_library(code) == ERR_LIB_PEM && shim_err_reason(code) == PEM_R_NO_START_LINE
    guard ended else { throw .unusable(source, reason: OpenSSLError.takeReason()) }
    clearErrors()
    guard !certificates.isEmpty else {
      throw .unusable(source, reason: "no certificate in pem form in it")
    }
    return certificates
  }

  /// The first private key of a text.
  static func privateKey(_ text: Secret, source: String) throws(OpenSSLError) -> PrivateKey {
    clearErrors()
    let key = unsafe text.withBytes { text in
      let bio = unsafe reader(text)
      defer { unsafe BIO_free(bio) }
      return unsafe PEM_read_bio_PrivateKey(bio, nil, shim_no_passphrase, nil).map {
        unsafe PrivateKey(owning: $0)
      }
    }
    if let key { return key }
    let codes = Array(
      sequence(state: ()) { _ in
        let code = ERR_get_error()
        return code == 0 ? nil : code
      })
    func has(_ library: Int32, _ reason: Int) -> Bool {
      codes.contains { shim_err_library($0) == library && Int(shim_err_reason($0)) == reason }
    }
    if has(ERR_LIB_PEM, Int(PEM_R_BAD_PASSWORD_READ))
      || has(ERR_LIB_CRYPTO, ERR_R_INTERRUPTED_OR_CANCELLED)
    {
      throw .unusable(source, reason: "the key is locked by a passphrase")
    }
    if has(ERR_LIB_PEM, Int(PEM_R_NO_START_LINE))
      || codes.allSatisfy({ Int(shim_err_reason($0)) == ERR_R_UNSUPPORTED })
    {
      throw .unusable(source, reason: "no private key in pem form in it")
    }
    throw .unusable(source, reason: OpenSSLError.words(for: codes.first ?? 0))
  }

  /// Reads from `text` in place: to be freed before that goes.
  private static func reader(_ text: UnsafeRawBufferPointer) -> OpaquePointer {
    // Of no bytes OpenSSL wants an address too; no byte of it is read.
    let address = text.baseAddress
    guard let bio = unsafe BIO_new_mem_buf(address, Int32(text.count)) else {
      fatalError("no memory for a buffer")
    }
    return unsafe bio
  }

  /// What `write` puts into a buffer, which is wiped afterwards.
  static func written(
    _ task: String, _ write: (OpaquePointer) -> Bool
  ) throws(OpenSSLError) -> Secret {
    guard let bio = unsafe BIO_new(BIO_s_secmem()) else { fatalError("no memory for a buffer") }
    defer { unsafe BIO_free(bio) }
    guard unsafe write(bio) else { throw .failed(task) }
    var start: UnsafeMutablePointer<CChar>?
    let count = unsafe shim_bio_bytes(bio, &start)
    return unsafe Secret(count: count) {
      unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: start, count: count))
    }
  }
}

/// Owns an `X509`. Shared, and only read once it is made.
@safe
final class X509Certificate: @unchecked Sendable {
  let x509: OpaquePointer

  init(owning x509: OpaquePointer) { unsafe self.x509 = x509 }

  deinit { unsafe X509_free(x509) }

  func fingerprint() throws(OpenSSLError) -> Fingerprint {
    var bytes = [UInt8](repeating: 0, count: Digest.length)
    guard unsafe X509_digest(x509, Digest.algorithm, &bytes, nil) == 1 else {
      throw .failed("hash a certificate")
    }
    return Fingerprint(bytes: bytes)
  }

  /// When it begins and ends to be valid, in seconds since the Unix epoch.
  func validity() throws(OpenSSLError) -> ClosedRange<Int64> {
    let start = try unsafe seconds(X509_get0_notBefore(x509))
    let end = try unsafe seconds(X509_get0_notAfter(x509))
    return start...max(start, end)
  }

  private func seconds(_ time: UnsafePointer<ASN1_TIME>?) throws(OpenSSLError) -> Int64 {
    let epoch = unsafe ASN1_TIME_set(nil, 0)
    defer { unsafe ASN1_TIME_free(epoch) }
    var days: Int32 = 0
    var rest: Int32 = 0
    guard unsafe ASN1_TIME_diff(&days, &rest, epoch, time) == 1 else {
      throw .failed("read a certificate's dates")
    }
    return Int64(days) * 86_400 + Int64(rest)
  }
}

/// Owns an `EVP_PKEY`. Shared, and only read once it is made.
@safe
final class PrivateKey: @unchecked Sendable {
  let key: OpaquePointer

  init(owning key: OpaquePointer) { unsafe self.key = key }

  deinit { unsafe EVP_PKEY_free(key) }

  /// Whether TLS 1.3 has a signature by a key of its kind (RFC 8446, section 4.2.3).
  var signsForTLS: Bool {
    switch unsafe EVP_PKEY_get_base_id(key) {
    case EVP_PKEY_RSA, EVP_PKEY_RSA_PSS, EVP_PKEY_ED25519, EVP_PKEY_ED448: return true
    case EVP_PKEY_EC:
      var name = [CChar](repeating: 0, count: 64)
      var count = 0
      guard unsafe EVP_PKEY_get_group_name(key, &name, name.count, &count) == 1 else {
        return false
      }
      let group = String(decoding: name[..<count].lazy.map(UInt8.init(bitPattern:)), as: UTF8.self)
      return ["prime256v1", "secp384r1", "secp521r1"].contains(group)
    default: return false
    }
  }
}
