import COpenSSL
import Glibc

/// A certificate, the chain above it, and its private key: what a host shows for itself.
/// Times are seconds since the Unix epoch.
package final class Certificate: Sendable {
  package let fingerprint: Fingerprint
  package let expiry: Int64
  let chain: [X509Certificate]
  let key: PrivateKey
  /// Where it comes from, for errors.
  let source: String

  /// Loads PEM files; the certificate comes first in its file, the chain after it. Whatever is
  /// wrong is `.unusable`, with the file and the cause.
  package convenience init(
    certificateFile: String, keyFile: String, now: Int64
  ) throws(OpenSSLError) {
    let chain = try PEM.certificates(PEM.file(certificateFile), source: certificateFile)
    let key = try PEM.privateKey(PEM.file(keyFile), source: keyFile)
    try self.init(
      chain: chain, key: key, certificateSource: certificateFile, keySource: keyFile, now: now)
  }

  private init(
    chain: [X509Certificate], key: PrivateKey, certificateSource: String, keySource: String,
    now: Int64
  ) throws(OpenSSLError) {
    let validity = try chain[0].validity()
    fingerprint = try chain[0].fingerprint()
    expiry = validity.upperBound
    self.chain = chain
    self.key = key
    source = certificateSource
    guard key.signsForTLS else {
      throw .unusable(keySource, reason: "no client takes a key of that kind")
    }
    guard unsafe X509_check_private_key(chain[0].x509, key.key) == 1 else {
      clearErrors()
      throw .unusable(keySource, reason: "the key does not belong to \(certificateSource)")
    }
    if now < validity.lowerBound {
      throw .unusable(
        certificateSource, reason: "not valid before \(Self.date(validity.lowerBound))")
    }
    if now > validity.upperBound {
      throw .unusable(certificateSource, reason: "expired on \(Self.date(validity.upperBound))")
    }
  }

  package func certificatePEM() throws(OpenSSLError) -> [UInt8] {
    let text = unsafe try PEM.written("write a certificate") { bio in
      chain.allSatisfy { unsafe PEM_write_bio_X509(bio, $0.x509) == 1 }
    }
    return unsafe text.withBytes { unsafe Array($0) }
  }

  /// The private key, PKCS #8, with no passphrase.
  package func keyPEM() throws(OpenSSLError) -> Secret {
    unsafe try PEM.written("write a private key") { bio in
      unsafe PEM_write_bio_PKCS8PrivateKey(bio, key.key, nil, nil, 0, nil, nil) == 1
    }
  }

  /// The day, in UTC.
  private static func date(_ seconds: Int64) -> String {
    var time = time_t(seconds)
    var parts = unsafe tm()
    unsafe gmtime_r(&time, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return unsafe "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
  }
}

extension Certificate {
  package enum KeyType: Equatable, Sendable {
    case ecdsaP256
    case ed25519
    /// 2,048 to 8,192 bits.
    case rsa(bits: Int)
  }

  /// A certificate that vouches for itself, to be handed to clients by file or by fingerprint.
  /// `names` are DNS names and IP addresses, at least one; the first is the common name too.
  /// It counts from an hour ago, because clocks differ.
  package static func selfSigned(
    keyType: KeyType, names: [String], days: Int, now: Int64
  ) throws(OpenSSLError) -> Certificate {
    precondition(!names.isEmpty && days > 0)
    let key = try generate(keyType)
    let alternatives = try AlternativeNames(names)
    guard let x509 = unsafe X509_new() else { fatalError("no memory for a certificate") }
    let certificate = unsafe X509Certificate(owning: x509)

    var serial = try Random.bytes(16)
    // Positive, and always of 16 bytes.
    serial[0] = serial[0] & 0x7f | 0x40
    let number = unsafe BN_bin2bn(serial, Int32(serial.count), nil)
    defer { unsafe BN_free(number) }
    let commonName = Array(names[0].utf8.prefix(64))
    var start = time_t(now)
    let usage =
      if case .rsa = keyType { "critical,digitalSignature,keyEncipherment" } else {
        "critical,digitalSignature"
      }
    let name = unsafe X509_get_subject_name(x509)
    let ok =
      unsafe X509_set_version(x509, Int(X509_VERSION_3)) == 1
      && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != nil
      && X509_time_adj_ex(X509_getm_notBefore(x509), 0, -3600, &start) != nil
      && X509_time_adj_ex(X509_getm_notAfter(x509), Int32(clamping: days), 0, &start) != nil
      && X509_set_pubkey(x509, key.key) == 1
      && X509_NAME_add_entry_by_NID(
        name, NID_commonName, MBSTRING_UTF8, commonName, Int32(commonName.count), -1, 0) == 1
      && X509_set_issuer_name(x509, name) == 1
      && shim_add_extension(x509, NID_basic_constraints, "critical,CA:FALSE") == 1
      && shim_add_extension(x509, NID_key_usage, usage) == 1
      && shim_add_extension(x509, NID_ext_key_usage, "serverAuth") == 1
      && shim_add_extension(x509, NID_subject_key_identifier, "hash") == 1
      && alternatives.add(to: certificate)
      // Ed25519 hashes by itself.
      && X509_sign(x509, key.key, keyType == .ed25519 ? nil : Digest.algorithm) > 0
    // Written and read again: what has been read keeps its bytes, what has been made is encoded anew in
    // each handshake.
    guard ok, let copy = unsafe X509_dup(x509) else { throw .failed("make a certificate") }
    return try Certificate(
      chain: [unsafe X509Certificate(owning: copy)], key: key, certificateSource: "the certificate",
      keySource: "the private key", now: now)
  }

  /// Fails, with the reason, for what cannot stand in a certificate.
  package static func check(name: String) throws(OpenSSLError) {
    _ = try AlternativeNames([name])
  }

  private static func generate(_ type: KeyType) throws(OpenSSLError) -> PrivateKey {
    let key =
      switch type {
      case .ecdsaP256: unsafe shim_generate_p256()
      case .ed25519: unsafe shim_generate_ed25519()
      case .rsa(let bits):
        unsafe shim_generate_rsa(UInt32(min(max(bits, 2048), 8192)))
      }
    guard let key = unsafe key else { throw .failed("make a key") }
    return unsafe PrivateKey(owning: key)
  }
}

/// The subject alternative names of a certificate. Built piece by piece: in the text form of
/// openssl.cnf a comma in a name would begin another one.
@safe
private struct AlternativeNames: ~Copyable {
  private let names: OpaquePointer

  init(_ names: [String]) throws(OpenSSLError) {
    guard let list = unsafe shim_names_new() else { fatalError("no memory for a name") }
    unsafe self.names = list
    for name in names { try append(name) }
  }

  deinit { unsafe GENERAL_NAMES_free(names) }

  func add(to certificate: X509Certificate) -> Bool {
    unsafe X509_add1_ext_i2d(
      certificate.x509, NID_subject_alt_name, UnsafeMutableRawPointer(names), 0, 0) == 1
  }

  private func append(_ name: String) throws(OpenSSLError) {
    let kind: Int32
    let value: UnsafeMutablePointer<ASN1_STRING>?
    if HostName.isAddress(name) {
      kind = GEN_IPADD
      unsafe value = a2i_IPADDRESS(name)
    } else {
      try Self.checkDNS(name)
      kind = GEN_DNS
      unsafe value = ASN1_STRING_type_new(V_ASN1_IA5STRING)
      let bytes = Array(name.utf8)
      guard unsafe ASN1_STRING_set(value, bytes, Int32(bytes.count)) == 1 else {
        fatalError("no memory for a name")
      }
    }
    guard let value = unsafe value else { throw .invalidName(name, reason: "no address") }
    let entry = unsafe GENERAL_NAME_new()
    unsafe GENERAL_NAME_set0_value(entry, kind, value)
    guard unsafe shim_names_push(names, entry) > 0 else { fatalError("no memory for a name") }
  }

  private static func checkDNS(_ name: String) throws(OpenSSLError) {
    guard name.utf8.count <= 253 else { throw .invalidName(name, reason: "too long") }
    guard name.utf8.allSatisfy({ $0 < 0x80 }) else {
      throw .invalidName(name, reason: "not ascii; write it in its xn-- form")
    }
    for (index, label) in name.split(separator: ".", omittingEmptySubsequences: false).enumerated()
    {
      if index == 0, label == "*" { continue }
      let ok = label.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
      guard ok, (1...63).contains(label.utf8.count) else {
        throw .invalidName(name, reason: "neither a host name nor an address")
      }
    }
    // 127.1 is what some programs take for an address.
    guard name.split(separator: ".").last?.utf8.allSatisfy({ (0x30...0x39).contains($0) }) == false
    else { throw .invalidName(name, reason: "neither a host name nor an address") }
  }
}

/// What people write for a host.
enum HostName {
  /// Whether it is an IPv4 or IPv6 address (without brackets or a zone).
  static func isAddress(_ name: String) -> Bool {
    var address = in6_addr()
    return unsafe inet_pton(AF_INET, name, &address) == 1
      || inet_pton(AF_INET6, name, &address) == 1
  }
}
