import Testing

@testable import OpenSSL

@Suite struct SecretTests {
  @Test("a secret shows its length and nothing else")
  func description() {
    let secret = Secret("correct horse")
    #expect("\(secret)" == "Secret(13 bytes)")
    #expect(String(reflecting: secret) == "Secret(13 bytes)")
    var dumped = ""
    dump(secret, to: &dumped)
    #expect(!dumped.contains("horse") && !dumped.contains("0x"))
  }

  @Test("secrets are equal when their bytes are")
  func equality() {
    #expect(Secret("one") == Secret("one"))
    #expect(Secret("one") != Secret("onf"))
    #expect(Secret("one") != Secret("one "))
    #expect(Secret("") == Secret(""))
    let bytes = Array("one".utf8)
    let same = Secret("one") == bytes.span
    #expect(same)
  }

  @Test("taking bytes over wipes them")
  func wiping() {
    var bytes = Array("correct horse".utf8)
    let secret = Secret(wiping: &bytes)
    #expect(bytes.isEmpty)
    #expect(secret == Secret("correct horse"))
    var left = Array("abc".utf8)
    wipe(&left)
    #expect(left == [0, 0, 0])
  }

  @Test("a part of a secret is a secret of its own, over page borders too")
  func parts() {
    let secret = Secret(count: 9000) { target in
      for index in 0..<9000 { target[index] = UInt8(truncatingIfNeeded: index &* 7) }
    }
    let part = secret.part(4000..<4200)
    #expect(part.count == 200)
    part.withBytes { bytes in
      #expect(bytes[150] == UInt8(truncatingIfNeeded: 4150 &* 7))
    }
    #expect(secret.part(5..<5).count == 0)
  }

  @Test("what fill throws, init throws")
  func throwing() {
    #expect(throws: OpenSSLError.authenticationFailed) {
      _ = try Secret(count: 3) { _ throws(OpenSSLError) in throw .authenticationFailed }
    }
  }

  @Test("random bytes differ")
  func random() throws {
    #expect(try Random.bytes(32) != Random.bytes(32))
    #expect(try Random.secret(32) != Random.secret(32))
    #expect(try Random.bytes(0) == [])
  }
}
