import Foundation
import Testing

@testable import OpenSSL

@Suite struct CertificateTests {
  static let now = Int64(Date().timeIntervalSince1970)

  @Test(
    "a certificate of each key type is what openssl expects of one",
    arguments: [Certificate.KeyType.ecdsaP256, .ed25519, .rsa(bits: 2048)])
  func selfSigned(keyType: Certificate.KeyType) throws {
    let folder = try Folder()
    let certificate = try Certificate.selfSigned(
      keyType: keyType, names: ["chat.example", "*.example", "127.0.0.1", "fe80::1"], days: 30,
      now: Self.now)
    let (path, keyPath) = try folder.write(certificate)

    #expect(try run("verify", "-CAfile", path, path).contains("cert.pem: OK"))
    #expect(
      try run("verify", "-purpose", "sslserver", "-CAfile", path, "-x509_strict", path)
        .contains("cert.pem: OK"))
    let text = try run("x509", "-in", path, "-noout", "-text")
    #expect(text.contains("Version: 3"))
    #expect(text.contains("Subject: CN = chat.example"))
    #expect(
      text.contains("DNS:chat.example, DNS:*.example, IP Address:127.0.0.1, IP Address:FE80:"))
    #expect(text.contains("X509v3 Basic Constraints: critical\n                CA:FALSE"))
    #expect(text.contains("TLS Web Server Authentication"))
    #expect(text.contains("X509v3 Subject Key Identifier"))
    let usage =
      keyType == .rsa(bits: 2048) ? "Digital Signature, Key Encipherment\n" : "Digital Signature\n"
    #expect(text.contains("X509v3 Key Usage: critical\n                " + usage))
    let serial = try run("x509", "-in", path, "-noout", "-serial")
    #expect(serial.count == "serial=".count + 32 + 1)

    // The fingerprint, in openssl's form and in ours.
    let line = try run("x509", "-in", path, "-noout", "-fingerprint", "-sha256")
    let hex = line.split(separator: "=")[1].trimmingCharacters(in: .newlines)
    #expect(Fingerprint(hex) == certificate.fingerprint)
    #expect(certificate.expiry == Self.now + 30 * 86_400)

    let loaded = try Certificate(certificateFile: path, keyFile: keyPath, now: Self.now)
    #expect(loaded.fingerprint == certificate.fingerprint)
    #expect(loaded.expiry == certificate.expiry)
    #expect(try run("pkey", "-in", keyPath, "-noout", "-check").contains("Key is valid"))
  }

  @Test("fingerprints are read back in each form, and in no other")
  func fingerprints() throws {
    let certificate = try Certificate.selfSigned(
      keyType: .ed25519, names: ["localhost"], days: 1, now: Self.now)
    let print = certificate.fingerprint
    let text = print.description
    #expect(text.hasPrefix("SHA256:") && text.utf8.count == 50)
    let base64 = Data(print.bytes).base64EncodedString()
    #expect(text == "SHA256:" + base64.dropLast())
    #expect(Fingerprint(text) == print)
    let colons = print.bytes.map { String(format: "%02X", $0) }.joined(separator: ":")
    #expect(Fingerprint(colons) == print)
    #expect(Fingerprint(colons.lowercased()) == print)
    #expect(Fingerprint(print.bytes.hex) == print)
    for wrong in [
      "", "SHA256:", text + "=", String(text.dropLast()), String(text.dropFirst(7)),
      "SHA1:" + text.dropFirst(7), " " + text, print.bytes.hex + "0",
      colons.replacingOccurrences(of: ":", with: "-"), String(colons.dropLast()) + ":",
      "SHA256:" + String(repeating: "!", count: 43),
      // Not canonical: the last letter holds two bits that mean nothing.
      "SHA256:" + String(repeating: "A", count: 42) + "B",
      "SHA256:" + String(repeating: "A", count: 42) + "=",
    ] {
      #expect(Fingerprint(wrong) == nil, "\(wrong)")
    }
  }

  @Test("two certificates are never the same")
  func different() throws {
    let one = try Certificate.selfSigned(
      keyType: .ecdsaP256, names: ["localhost"], days: 1, now: Self.now)
    let other = try Certificate.selfSigned(
      keyType: .ecdsaP256, names: ["localhost"], days: 1, now: Self.now)
    #expect(one.fingerprint != other.fingerprint)
  }

  @Test(
    "what is no host name is not certified",
    arguments: [
      "", "a,DNS:evil.example", "two words", "grüße.example", "a..b", ".", "a.*.b", "[::1]",
      String(repeating: "a", count: 64) + ".example", "host\u{0}.example",
    ])
  func badNames(name: String) {
    #expect(throws: OpenSSLError.self) {
      _ = try Certificate.selfSigned(keyType: .ed25519, names: [name], days: 1, now: Self.now)
    }
  }

  @Test("a long first name still makes a common name")
  func longName() throws {
    let name = String(repeating: "a", count: 60) + ".example"
    let certificate = try Certificate.selfSigned(
      keyType: .ed25519, names: [name], days: 1, now: Self.now)
    let folder = try Folder()
    let (path, _) = try folder.write(certificate)
    let subject = try run("x509", "-in", path, "-noout", "-subject", "-ext", "subjectAltName")
    #expect(subject.contains("CN = \(name.prefix(64))\n"))
    #expect(subject.contains("DNS:\(name)"))
  }

  @Test("files that are of no use are named with the cause")
  func unusable() throws {
    let folder = try Folder()
    let certificate = try Certificate.selfSigned(
      keyType: .ecdsaP256, names: ["localhost"], days: 1, now: Self.now)
    let other = try Certificate.selfSigned(
      keyType: .ecdsaP256, names: ["localhost"], days: 1, now: Self.now)
    let (path, keyPath) = try folder.write(certificate)
    let otherKey = folder.path("other.pem")
    try other.keyPEM().withBytes { try Data($0).write(to: URL(fileURLWithPath: otherKey)) }
    let garbage = folder.path("garbage.pem")
    try Data("not pem at all\n".utf8).write(to: URL(fileURLWithPath: garbage))
    let broken = folder.path("broken.pem")
    try Data("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n".utf8)
      .write(to: URL(fileURLWithPath: broken))
    let empty = folder.path("empty.pem")
    try Data().write(to: URL(fileURLWithPath: empty))
    let locked = folder.path("locked.pem")
    _ = try run(
      "pkey", "-in", keyPath, "-aes256", "-passout", "pass:secret", "-out", locked)
    let missing = folder.path("missing.pem")

    func reason(_ certificate: String, _ key: String, now: Int64 = Self.now) -> String {
      do {
        _ = try Certificate(certificateFile: certificate, keyFile: key, now: now)
        return "none"
      } catch { return error.description }
    }
    #expect(reason(path, keyPath) == "none")
    #expect(reason(missing, keyPath) == "cannot use \(missing): no such file or directory")
    #expect(reason(path, missing) == "cannot use \(missing): no such file or directory")
    #expect(reason("/", keyPath) == "cannot use /: is a directory")
    #expect(reason("/dev/zero", keyPath) == "cannot use /dev/zero: file too large")
    #expect(reason(garbage, keyPath) == "cannot use \(garbage): no certificate in pem form in it")
    #expect(reason(empty, keyPath) == "cannot use \(empty): no certificate in pem form in it")
    #expect(reason(keyPath, keyPath) == "cannot use \(keyPath): no certificate in pem form in it")
    #expect(reason(broken, keyPath) == "cannot use \(broken): bad base64 decode")
    #expect(reason(path, garbage) == "cannot use \(garbage): no private key in pem form in it")
    #expect(reason(path, empty) == "cannot use \(empty): no private key in pem form in it")
    #expect(reason(path, path) == "cannot use \(path): no private key in pem form in it")
    #expect(reason(path, locked) == "cannot use \(locked): the key is locked by a passphrase")
    #expect(
      reason(path, otherKey) == "cannot use \(otherKey): the key does not belong to \(path)")
    #expect(
      reason(path, keyPath, now: 4_102_444_800).hasPrefix("cannot use \(path): expired on 20"))
    #expect(reason(path, keyPath, now: 0).hasPrefix("cannot use \(path): not valid before 20"))

    #expect(throws: OpenSSLError.unusable(garbage, reason: "no certificate in pem form in it")) {
      _ = try TLSContext(trusting: .file(garbage))
    }
    #expect(throws: OpenSSLError.unusable(missing, reason: "no such file or directory")) {
      _ = try TLSContext(trusting: .file(missing))
    }
  }
}

/// A folder of its own that is gone with the test.
final class Folder {
  private let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory
      .appendingPathComponent("netchat-openssl-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  /// cert.pem and key.pem
  func write(_ certificate: Certificate) throws -> (String, String) {
    let (path, keyPath) = (path("cert.pem"), path("key.pem"))
    try Data(certificate.certificatePEM()).write(to: URL(fileURLWithPath: path))
    try certificate.keyPEM().withBytes { try Data($0).write(to: URL(fileURLWithPath: keyPath)) }
    return (path, keyPath)
  }
}

/// What `openssl` prints.
func run(_ arguments: String...) throws -> String {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["openssl"] + arguments
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = pipe
  try process.run()
  let output = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return String(decoding: output, as: UTF8.self)
}
