import Foundation
import Testing

@testable import OpenSSL

@Suite struct KeyDerivationTests {
  @Test("scrypt gives what RFC 7914 says")
  func scrypt() throws {
    for vector in try Vector.file("scrypt").list("vectors") {
      // The last one takes 1 GiB and 3 s: see the slow test.
      guard vector.number("N") < 1 << 20 else { continue }
      try check(vector)
    }
  }

  @Test(
    "scrypt takes 1 GiB when asked to",
    .enabled(if: ProcessInfo.processInfo.environment["NETCHAT_SLOW"] != nil))
  func scryptSlow() throws {
    try check(try Vector.file("scrypt").list("vectors").last!)
  }

  private func check(_ vector: Vector) throws {
    let cost = KeyDerivation.ScryptCost(
      n: UInt64(vector.number("N")), r: UInt64(vector.number("r")), p: UInt64(vector.number("p")))
    let salt = Array(vector.text("S").utf8)
    let output = try KeyDerivation.scrypt(
      password: Secret(vector.text("P")), salt: salt.span, cost: cost,
      count: vector.number("dkLen"))
    #expect(output.hex == vector.text("output"))
  }

  @Test("scrypt refuses a cost that is none")
  func scryptRefused() {
    #expect(throws: OpenSSLError.self) {
      let salt = [UInt8](repeating: 0, count: 16)
      _ = try KeyDerivation.scrypt(
        password: Secret("x"), salt: salt.span, cost: .init(n: 1000, r: 8, p: 1), count: 32)
    }
  }

  @Test("hkdf gives what RFC 5869 says")
  func hkdf() throws {
    for vector in try Vector.file("hkdf").list("vectors") {
      let salt = vector.bytes("salt")
      let info = vector.bytes("info")
      let key = vector.secret("IKM")
      let output = try KeyDerivation.hkdfSHA256(
        key: key, salt: salt.span, info: info.span, count: vector.number("L"))
      #expect(output.hex == vector.text("OKM"))
      // The PRK is HMAC(salt, IKM), and no salt is 32 zeros.
      let zeros = Secret(copying: [UInt8](repeating: 0, count: 32).span)
      let extract = salt.isEmpty ? zeros : Secret(copying: salt.span)
      #expect(
        try Digest.hmacSHA256(key: extract, vector.bytes("IKM").span).hex == vector.text("PRK"))
      if salt.isEmpty {
        #expect(
          try Digest.hmacSHA256(key: Secret(""), vector.bytes("IKM").span).hex
            == vector.text("PRK"))
      }
    }
  }

  @Test("pbkdf2 gives what hashlib.pbkdf2_hmac gives")
  func pbkdf2() throws {
    let salt = Array("salt".utf8)
    let output = try KeyDerivation.pbkdf2SHA256(
      password: Secret("password"), salt: salt.span, rounds: 4096, count: 32)
    #expect(output.hex == "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a")
  }

  @Test("sha-256 gives what FIPS 180-4 says")
  func sha256() throws {
    let empty: [UInt8] = []
    let abc = Array("abc".utf8)
    #expect(
      try Digest.sha256(empty.span).hex
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      try Digest.sha256(abc.span).hex
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }
}
