/// What the cryptography must give, from outside: `netchat selftest` tries it on the user's machine.
package enum KnownAnswers {
  package struct Check: Sendable {
    package let name: String
    /// Where the answer comes from.
    package let source: String
    /// Hexadecimal digits, in lower case.
    package var answer: String
    let compute: @Sendable () throws(OpenSSLError) -> [UInt8]

    /// Whether the answer comes out.
    package func holds() throws(OpenSSLError) -> Bool {
      try compute() == KnownAnswers.bytes(answer)
    }
  }

  package static let all = [
    Check(
      name: "SPAKE2+", source: "RFC 9383, appendix C",
      // shareP, shareV, confirmV, confirmP.
      answer: "04ef3bd051bf78a2234ec0df197f7828060fe9856503579bb1733009042c15c0c1"
        + "de127727f418b5966afadfdd95a6e4591d171056b333dab97a79c7193e341727"
        + "04c0f65da0d11927bdf5d560c69e1d7d939a05b0e88291887d679fcadea75810fb"
        + "5cc1ca7494db39e82ff2f50665255d76173e09986ab46742c798a9a68437b048"
        + "9747bcc4f8fe9f63defee53ac9b07876d907d55047e6ff2def2e7529089d3e68"
        + "926cc713504b9b4d76c9162ded04b5493e89109f6d89462cd33adc46fda27527",
      compute: spake2plus),
    Check(
      name: "XAES-256-GCM", source: "C2SP",
      // Nonce, ciphertext and tag; and the text again.
      answer: "4142434445464748494a4b4c4d4e4f505152535455565758"
        + "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"
        + "584145532d3235362d47434d",
      compute: xaes),
    Check(
      name: "scrypt", source: "RFC 7914, section 12",
      answer: "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        + "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
      compute: scrypt),
    Check(
      name: "HKDF-SHA-256", source: "RFC 5869, appendix A",
      answer:
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
      compute: hkdf),
    Check(
      name: "cipher 1", source: "the Python clients",
      // Nonce, tag and ciphertext; and the text again.
      answer: "000102030405060708090a0b0c0d0e0fd877e430f776aec8eb2e517fb82e1cf5df2f" + "6869",
      compute: cipherOne),
  ]

  private static func spake2plus() throws(OpenSSLError) -> [UInt8] {
    let names = SPAKE2Plus.Names(prover: "client", verifier: "server")
    let context = Array("SPAKE2+-P256-SHA256-HKDF-SHA256-HMAC-SHA256 Test Vectors".utf8)
    let w0 = secret("bb8e1bbcf3c48f62c08db243652ae55d3e5586053fca77102994f23ad95491b3")
    let w1 = secret("7e945f34d78785b8a3ef44d0df5a1a97d6b3b460409a345ca7830387a74b1dba")
    let prover = try SPAKE2Plus.Prover(
      SPAKE2Plus.ProverRegistration(w0: w0, w1: w1, messageSecret: secret(""), names: names),
      x: P256.shared.scalar(
        reducing: secret("d1232c8e8693d02368976c174e2088851b8365d0d79a9eee709c6a05a2fad539")))
    let shareP = prover.share
    let verifier = try SPAKE2Plus.Verifier(
      SPAKE2Plus.VerifierRegistration(w0: w0, w1: w1, messageSecret: secret(""), names: names),
      y: P256.shared.scalar(
        reducing: secret("717a72348a182085109c8d3917d6c43d59b224dc6a7fc4f0483232fa6516d8b3")),
      shareP: shareP.span, context: context.span)
    let shareV = verifier.share
    let confirmV = verifier.confirmation
    let confirmP = try prover.finish(
      shareV: shareV.span, confirmV: confirmV.span, context: context.span)
    guard verifier.accepts(confirmP.span) else { throw .authenticationFailed }
    return shareP + shareV + confirmV + confirmP
  }

  private static func xaes() throws(OpenSSLError) -> [UInt8] {
    var cipher = try XAES256GCM(
      key: secret("0303030303030303030303030303030303030303030303030303030303030303"))
    let nonce = bytes("4142434445464748494a4b4c4d4e4f505152535455565758")
    let data = Array("c2sp.org/XAES-256-GCM".utf8)
    let text = Array("XAES-256-GCM".utf8)
    var sealed: [UInt8] = []
    try cipher.seal(text.span, nonce: nonce.span, additionalData: data.span, into: &sealed)
    guard let opened = try cipher.open(sealed.span, additionalData: data.span) else {
      throw .authenticationFailed
    }
    return sealed + opened
  }

  private static func scrypt() throws(OpenSSLError) -> [UInt8] {
    let salt = Array("SodiumChloride".utf8)
    let key = try KeyDerivation.scrypt(
      password: Secret(copying: Array("pleaseletmein".utf8).span), salt: salt.span,
      cost: KeyDerivation.ScryptCost(n: 16384, r: 8, p: 1), count: 64)
    return unsafe key.withBytes { unsafe Array($0) }
  }

  private static func hkdf() throws(OpenSSLError) -> [UInt8] {
    let salt = bytes("000102030405060708090a0b0c")
    let info = bytes("f0f1f2f3f4f5f6f7f8f9")
    let key = try KeyDerivation.hkdfSHA256(
      key: secret("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"), salt: salt.span, info: info.span,
      count: 42)
    return unsafe key.withBytes { unsafe Array($0) }
  }

  private static func cipherOne() throws(OpenSSLError) -> [UInt8] {
    var cipher = try CipherOne(password: Secret(copying: Array("pässword".utf8).span))
    let nonce = [UInt8](0..<16)
    let text = Array("hi".utf8)
    let sealed = try cipher.seal(text.span, nonce: nonce.span)
    guard let opened = try cipher.open(sealed.span) else { throw .authenticationFailed }
    return sealed + opened
  }

  /// The bytes of hexadecimal digits that stand above.
  fileprivate static func bytes(_ hexadecimal: String) -> [UInt8] {
    let digits = hexadecimal.utf8.map { $0 < 0x40 ? $0 - 0x30 : $0 - 0x61 + 10 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  private static func secret(_ hexadecimal: String) -> Secret {
    Secret(copying: bytes(hexadecimal).span)
  }
}
