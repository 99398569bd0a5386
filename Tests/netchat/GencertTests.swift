import Foundation
import OpenSSL
import Testing

@testable import netchat

@Suite("netchat gencert")
struct GencertTests {
  private let folder: Folder

  init() throws { folder = try Folder() }

  private func gencert(_ arguments: String...) throws -> (
    output: String, errors: String, status: Int32
  ) {
    try Program(["gencert"] + arguments, folder: folder.path("")).finish()
  }

  /// What `openssl` prints.
  private func openssl(_ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["openssl"] + arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path(""))
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: output, as: UTF8.self)
  }

  private func load(_ cert: String = "cert.pem", _ key: String = "key.pem") throws -> Certificate {
    try Certificate(
      certificateFile: folder.path(cert), keyFile: folder.path(key),
      now: Int64(Date().timeIntervalSince1970))
  }

  private func contents(_ name: String) throws -> String {
    try String(contentsOfFile: folder.path(name), encoding: .utf8)
  }

  @Test("without options it makes a certificate for this machine, for a year")
  func standard() throws {
    let result = try gencert()
    #expect(result.status == 0 && result.errors == "")
    #expect(try folder.names() == ["cert.pem", "key.pem"])
    #expect(try folder.mode("key.pem") == 0o600)
    #expect(try folder.mode("cert.pem") == 0o644)
    #expect(try openssl("verify", "-CAfile", "cert.pem", "cert.pem") == "cert.pem: OK\n")
    #expect(
      try openssl(
        "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost",
        "-CAfile", "cert.pem", "cert.pem") == "cert.pem: OK\n")
    for address in ["127.0.0.1", "::1"] {
      #expect(
        try openssl("verify", "-verify_ip", address, "-CAfile", "cert.pem", "cert.pem")
          == "cert.pem: OK\n")
    }
    let text = try openssl("x509", "-in", "cert.pem", "-noout", "-text")
    for part in [
      "Subject: CN = localhost", "DNS:localhost", "IP Address:127.0.0.1", "CA:FALSE",
      "Digital Signature", "ASN1 OID: prime256v1", "TLS Web Server Authentication",
    ] {
      #expect(text.contains(part), "\(part)")
    }
    let now = Int64(Date().timeIntervalSince1970)
    #expect((now + 364 * 86_400...now + 366 * 86_400).contains(try load().expiry))
  }

  @Test("it prints where the files are, until when they hold, and how to use them")
  func report() throws {
    let result = try gencert(
      "--cert", "my cert.pem", "--key=key.pem", "--name", "chat.example.org", "--days", "10")
    #expect(result.status == 0 && result.errors == "")
    let fingerprint = try load("my cert.pem").fingerprint
    let end = try openssl(
      "x509", "-in", "my cert.pem", "-noout", "-enddate", "-dateopt", "iso_8601")
    let date = try #require(end.split(separator: "=").last)
      .replacingOccurrences(of: " ", with: "T").trimmingCharacters(in: .newlines)
    #expect(
      result.output == """
        Certificate: my cert.pem
        Private key: key.pem
        Names: chat.example.org
        Valid until: \(date)
        Fingerprint: \(fingerprint)
        Host: netchat host --tls --cert 'my cert.pem' --key key.pem
        Join: netchat clint --host chat.example.org --fingerprint \(fingerprint)

        """)
    let line = try openssl("x509", "-in", "my cert.pem", "-noout", "-fingerprint", "-sha256")
    let hex = try #require(line.split(separator: "=").last).trimmingCharacters(in: .newlines)
    #expect(Fingerprint(hex) == fingerprint)
  }

  @Test(
    "each type of key",
    arguments: [
      (["--type", "ecdsa"], "ASN1 OID: prime256v1"), (["--type", "ed25519"], "ED25519"),
      (["--type", "rsa"], "(2048 bit)"), (["--type", "rsa", "--bits", "3072"], "(3072 bit)"),
    ])
  func keyTypes(options: [String], expected: String) throws {
    let result = try Program(["gencert"] + options, folder: folder.path("")).finish()
    #expect(result.status == 0)
    #expect(try openssl("x509", "-in", "cert.pem", "-noout", "-text").contains(expected))
    #expect(try openssl("verify", "-CAfile", "cert.pem", "cert.pem") == "cert.pem: OK\n")
    #expect(try openssl("pkey", "-in", "key.pem", "-noout", "-check") == "Key is valid\n")
    _ = try load()
  }

  @Test("names and addresses are as they were given, each once")
  func names() throws {
    let result = try gencert(
      "--name", "chat.example.org", "--name=*.example.org", "--name", "192.0.2.1", "--name",
      "[2001:db8::1]", "--name", "chat.example.org")
    #expect(result.status == 0)
    let text = try openssl("x509", "-in", "cert.pem", "-noout", "-ext", "subjectAltName")
    #expect(
      text.contains(
        "    DNS:chat.example.org, DNS:*.example.org, IP Address:192.0.2.1, "
          + "IP Address:2001:DB8:0:0:0:0:0:1\n"))
  }

  @Test("nothing is overwritten, and of two files not one is written")
  func noOverwriting() throws {
    #expect(try gencert().status == 0)
    let cert = try contents("cert.pem")
    let key = try contents("key.pem")
    let both = try gencert()
    #expect(both.status == 1 && both.output == "")
    #expect(
      both.errors == """
        netchat: cert.pem and key.pem exist already
          other names are given with --cert and --key; --force replaces what is there

        """)
    #expect(try gencert("--cert", "new.pem").errors.hasPrefix("netchat: key.pem exists already\n"))
    #expect(try gencert("--key", "new.pem").errors.hasPrefix("netchat: cert.pem exists already\n"))
    #expect(try folder.names() == ["cert.pem", "key.pem"])
    #expect(try contents("cert.pem") == cert)
    #expect(try contents("key.pem") == key)
    // A link that leads nowhere is there as well.
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link.pem"), withDestinationPath: "nowhere")
    #expect(try gencert("--cert", "c", "--key", "link.pem").status == 1)
    #expect(try folder.names() == ["cert.pem", "key.pem", "link.pem"])
  }

  @Test("--force replaces both, and the key is closed to others again")
  func force() throws {
    #expect(try gencert().status == 0)
    let before = try load().fingerprint
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o666], ofItemAtPath: folder.path("key.pem"))
    #expect(try gencert("--force", "--type", "ed25519").status == 0)
    #expect(try load().fingerprint != before)
    #expect(try folder.mode("key.pem") == 0o600)
    #expect(try folder.names() == ["cert.pem", "key.pem"])
  }

  @Test("what cannot be written is named, and leaves nothing behind")
  func unwritable() throws {
    func errors(_ cert: String, _ key: String) throws -> String {
      let result = try gencert("--cert", cert, "--key", key)
      #expect(result.status == 1 && result.output == "")
      #expect(try folder.names() == [])
      return result.errors
    }
    #expect(
      try errors("missing/c", "k") == "netchat: cannot write missing/c: no such file or directory\n"
    )
    #expect(
      try errors("c", "missing/k") == "netchat: cannot write missing/k: no such file or directory\n"
    )
    #expect(try errors("/", "k") == "netchat: cannot write /: is a directory\n")
    #expect(mkfifo(folder.path("pipe"), 0o600) == 0)
    let piped = try gencert("--cert", "pipe", "--key", "k", "--force")
    #expect(piped.status == 1)
    #expect(piped.errors == "netchat: cannot write pipe: is no regular file\n")
    #expect(try folder.names() == ["pipe"])
    try FileManager.default.removeItem(atPath: folder.path("pipe"))
    let same = "netchat: the certificate and the key cannot both be c\n  try --key key.pem\n"
    #expect(try errors("c", "c") == same)
    #expect(try errors("c", "./c") == same)
  }

  @Test(
    "a wrong command line ends with status 2 before anything is made",
    arguments: [
      ("--days 0", "invalid value '0' for --days: it is less than 1"),
      ("--days x", "invalid value 'x' for --days: it is not a whole number"),
      ("--days 36501", "invalid value '36501' for --days: it is more than 36500"),
      ("--type rsa --bits 1024", "invalid value '1024' for --bits: it is less than 2048"),
      ("--type rsa --bits 8193", "invalid value '8193' for --bits: it is more than 8192"),
      ("--bits 2048", "--bits is for --type rsa; keys of type ecdsa have one size"),
      (
        "--type ed25519 --bits 2048",
        "--bits is for --type rsa; keys of type ed25519 have one size"
      ),
      ("--type dsa", "invalid value 'dsa' for --type: it is none of the choices"),
      ("--name a..b", "invalid value 'a..b' for --name: it is neither a host name nor an address"),
      (
        "--name 127.1", "invalid value '127.1' for --name: it is neither a host name nor an address"
      ),
      ("--name *", "invalid value '*' for --name: it is not the name of a host"),
      (
        "--name *.a,b", "invalid value '*.a,b' for --name: it is neither a host name nor an address"
      ),
      ("--name a:1", "invalid value 'a:1' for --name: it has a port"),
      (
        "--name grüße.example",
        "invalid value 'grüße.example' for --name: it is not ascii; write it in its xn-- form"
      ),
      (
        "--name fe80::1%eth0",
        "invalid value 'fe80::1%eth0' for --name: it is neither a host name nor an address"
      ),
      ("cert.pem", "unexpected argument 'cert.pem'"),
    ])
  func usage(line: String, message: String) throws {
    #expect(try usageError("gencert \(line)").message == message)
    let words = line.split(separator: " ").map(String.init)
    let result = try Program(["gencert"] + words, folder: folder.path("")).finish()
    #expect(result.status == 2 && result.output == "")
    #expect(try folder.names() == [])
  }

  @Test("of this machine's names those are taken that a certificate can hold")
  func machineNames() {
    #expect(
      CertifiedNames.names(
        machine: "böse name", addresses: ["192.0.2.1", "fe80::1%eth0", "2001:db8::1", "127.0.0.1"])
        == ["localhost", "127.0.0.1", "::1", "192.0.2.1", "2001:db8::1"])
    #expect(
      CertifiedNames.names(machine: "pc", addresses: [])
        == ["localhost", "pc", "127.0.0.1", "::1"])
    #expect(
      CertifiedNames.nameToJoin(among: ["localhost", "pc", "::1", "192.0.2.1"]) == "192.0.2.1")
    #expect(CertifiedNames.nameToJoin(among: ["localhost", "pc", "::1"]) == "pc")
    #expect(CertifiedNames.nameToJoin(among: ["*.example", "localhost"]) == "localhost")
    #expect(CertifiedNames.nameToJoin(among: ["*.example"]) == "HOST")
  }

  @Test(
    "a text is one word of a shell",
    arguments: [
      ("cert.pem", "cert.pem"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"),
      ("$(x)", "'$(x)'"), ("a\u{1B}b", "'a␛b'"),
    ])
  func words(text: String, expected: String) {
    #expect(shellWord(text) == expected)
  }
}
