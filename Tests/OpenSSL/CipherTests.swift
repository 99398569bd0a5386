import Testing

@testable import OpenSSL

@Suite struct CipherTests {
  @Test("xaes-256-gcm gives what C2SP says, step by step")
  func vectors() throws {
    for vector in try Vector.file("xaes256gcm").list("vectors") {
      var cipher = try XAES256GCM(key: vector.secret("K"))
      let nonce = vector.bytes("N")
      let plaintext = vector.bytes("plaintext")
      let data = vector.bytes("aad")

      #expect(cipher.subkey.hex == vector.text("K1"))
      #expect(double(vector.bytes("L")).hex == vector.text("K1"))
      #expect(vector.bytes("M1") == [0, 1, 0x58, 0] + nonce[..<12])
      #expect(vector.bytes("M2") == [0, 2, 0x58, 0] + nonce[..<12])
      let derived = nonce.withUnsafeBufferPointer { nonce in
        cipher.withMessageKey(nonce) { key, nonce in
          (
            Array(UnsafeBufferPointer(start: key, count: 32)),
            Array(UnsafeBufferPointer(start: nonce, count: 12))
          )
        }
      }
      #expect(derived?.0.hex == vector.text("Kx"))
      #expect(derived?.1.hex == vector.text("Nx"))

      var sealed: [UInt8] = [7]
      try cipher.seal(
        plaintext.span, nonce: nonce.span, additionalData: data.span, into: &sealed)
      #expect(sealed.hex == "07" + vector.text("N") + vector.text("ciphertext_and_tag"))
      sealed.removeFirst()
      #expect(try cipher.open(sealed.span, additionalData: data.span) == plaintext)
    }
  }

  /// Doubling in GF(2^128), the slow way.
  private func double(_ bytes: [UInt8]) -> [UInt8] {
    var result = bytes.enumerated().map { index, byte in
      byte << 1 | (index + 1 < bytes.count ? bytes[index + 1] >> 7 : 0)
    }
    if bytes[0] & 0x80 != 0 { result[15] ^= 0x87 }
    return result
  }

  @Test("xaes-256-gcm passes C2SP's accumulated test")
  func accumulated() throws {
    let expected = try Vector.file("xaes256gcm").fields["accumulated"] as! [String: Any]
    var source = Shake128()
    source.finish()
    var digest = Shake128()
    for _ in 0..<10_000 {
      let key = source.squeeze(32)
      let nonce = source.squeeze(24)
      let plaintext = source.squeeze(Int(source.squeeze(1)[0]))
      let data = source.squeeze(Int(source.squeeze(1)[0]))
      var cipher = try XAES256GCM(key: Secret(copying: key.span))
      var sealed: [UInt8] = []
      try cipher.seal(
        plaintext.span, nonce: nonce.span, additionalData: data.span, into: &sealed)
      let opened = try cipher.open(sealed.span, additionalData: data.span)
      guard opened == plaintext else {
        Issue.record("does not open")
        return
      }
      digest.absorb(sealed[24...])
    }
    digest.finish()
    #expect(digest.squeeze(32).hex == expected["iterations_10000"] as? String)
  }

  @Test("no altered bit, no cut and no other additional data opens")
  func altered() throws {
    var cipher = try XAES256GCM(key: Random.secret(32))
    var other = try XAES256GCM(key: Random.secret(32))
    let plaintext = Array("hello, room".utf8)
    let data = Array("netchat/2 chat".utf8)
    let sealed = try cipher.seal(plaintext.span, additionalData: data.span)
    #expect(sealed.count == plaintext.count + XAES256GCM.overhead)
    for bit in 0..<sealed.count * 8 {
      var changed = sealed
      changed[bit / 8] ^= 1 << (bit % 8)
      #expect(try cipher.open(changed.span, additionalData: data.span) == nil)
    }
    for count in 0..<sealed.count {
      let cut = Array(sealed[..<count])
      #expect(try cipher.open(cut.span, additionalData: data.span) == nil)
    }
    let none: [UInt8] = []
    #expect(try cipher.open(sealed.span, additionalData: none.span) == nil)
    #expect(try other.open(sealed.span, additionalData: data.span) == nil)
    // After all the refusals the contexts still do their work.
    #expect(try cipher.open(sealed.span, additionalData: data.span) == plaintext)
  }

  @Test("an empty message seals and opens, and two nonces differ")
  func empty() throws {
    var cipher = try XAES256GCM(key: Random.secret(32))
    let none: [UInt8] = []
    let sealed = try cipher.seal(none.span, additionalData: none.span)
    #expect(sealed.count == XAES256GCM.overhead)
    #expect(try cipher.open(sealed.span, additionalData: none.span) == [])
    #expect(try cipher.seal(none.span, additionalData: none.span) != sealed)
  }

  @Test("cipher 1 gives what the Python clients give")
  func cipherOne() throws {
    var cipher = try CipherOne(password: Secret("p\u{e4}ssword"))
    let nonce = [UInt8](0..<16)
    for (plaintext, sealed) in Self.cipherOneVectors {
      let text = [UInt8](hex: plaintext)
      let expected = [UInt8](hex: sealed)
      #expect(try cipher.seal(text.span, nonce: nonce.span) == expected)
      #expect(try cipher.open(expected.span) == text)
      for bit in 0..<expected.count * 8 {
        var changed = expected
        changed[bit / 8] ^= 1 << (bit % 8)
        #expect(try cipher.open(changed.span) == nil)
      }
    }
    let short = [UInt8](repeating: 0, count: CipherOne.overhead - 1)
    #expect(try cipher.open(short.span) == nil)
    let text = Array("hi".utf8)
    let sealed = try cipher.seal(text.span)
    #expect(try cipher.open(sealed.span) == text)
  }

  /// Made by Python's hashlib: text and sealed form, nonce 00 … 0f.
  private static let cipherOneVectors: [(String, String)] = [
    (
      "",
      "000102030405060708090a0b0c0d0e0f36b4375e4039ec407b914f884ed285b7"
    ),
    (
      "6869",
      "000102030405060708090a0b0c0d0e0fd877e430f776aec8eb2e517fb82e1cf5df2f"
    ),
    (
      "6772c3bcc39f65206772c3bcc39f65206772c3bcc39f65206772c3bcc39f65206772c3bcc39f"
        + "65206772c3bcc39f65206772c3bcc39f65206772c3bcc39f65206772c3bcc39f65206772c3bc"
        + "c39f65206772c3bcc39f65206772c3bcc39f6520",
      "000102030405060708090a0b0c0d0e0f5ec35a99066ff1e7c480b8609cd85ff7d03463439f47"
        + "786f05e7254da4575737c4113c6e615f2e4ae23e0d8d40dcb1466dbabb7335d6a8ab8c061bca"
        + "5fe9ae5ef684d187b220c76d7b45c62ed40a373d07fa1cfd8a46623f3601fd31dcc4a906c1b5"
        + "7982cb3ab716a2c582f5349bf9b5"
    ),
  ]
}
