import Testing

@testable import OpenSSL

@Suite struct SPAKE2PlusTests {
  @Test("every step gives what RFC 9383 says, and our own further vectors")
  func vectors() throws {
    let file = try Vector.file("spake2plus")
    for vector in file.list("rfc9383") + file.list("extra") { try check(vector) }
  }

  private func check(_ vector: Vector) throws {
    let name = vector.has("name") ? vector.text("name") : vector.text("suite")
    let prover = try ProverSide(vector)
    let verifier = try VerifierSide(vector)
    #expect(try verifier.registration.encodedL()?.hex == vector.text("L"), "\(name)")

    // A run of the prover alone, against the vector's verifier.
    let share = vector.bytes("shareV")
    let confirmV = vector.bytes("confirmV")
    let context = Array(vector.text("Context").utf8)
    let first = try prover.begin(vector)
    #expect(first.share.hex == vector.text("shareP"), "\(name)")
    let points = try first.points(shareV: share.span)
    #expect(points.z.hex == vector.text("Z"), "\(name)")
    #expect(points.v.hex == vector.text("V"), "\(name)")
    let confirmP = try first.finish(
      shareV: share.span, confirmV: confirmV.span, context: context.span)
    #expect(confirmP.hex == vector.text("confirmP"), "\(name)")

    // And of the verifier alone.
    let shareP = vector.bytes("shareP")
    let second = try SPAKE2Plus.Verifier(
      verifier.registration, y: P256.shared.scalar(reducing: vector.secret("y")),
      shareP: shareP.span, context: context.span)
    #expect(second.share.hex == vector.text("shareV"), "\(name)")
    #expect(second.confirmation.hex == vector.text("confirmV"), "\(name)")
    let accepted = second.accepts(vector.bytes("confirmP").span)
    #expect(accepted, "\(name)")
    guard let peer = P256.shared.decode(shareP.span) else {
      Issue.record("\(name): shareP is refused")
      return
    }
    let same = try SPAKE2Plus.Verifier.points(
      verifier.registration, y: P256.shared.scalar(reducing: vector.secret("y")), peer: peer)
    #expect(same.z.hex == vector.text("Z") && same.v.hex == vector.text("V"), "\(name)")

    let transcript = SPAKE2Plus.transcript(
      names: prover.names, context: context.span, shareP: shareP.span, shareV: share.span,
      points: points, w0: vector.secret("w0"))
    #expect(transcript.hex == vector.text("TT"), "\(name)")
    let keys = try SPAKE2Plus.Keys(transcript: transcript)
    #expect(keys.main.hex == vector.text("K_main"), "\(name)")
    #expect(keys.confirmP.hex == vector.text("K_confirmP"), "\(name)")
    #expect(keys.confirmV.hex == vector.text("K_confirmV"), "\(name)")
    #expect(try keys.shared().hex == vector.text("K_shared"), "\(name)")
  }

  @Test("a password becomes the vectors' w0 and w1")
  func registration() throws {
    let vectors = try Vector.file("spake2plus").list("extra").filter { $0.has("scrypt") }
    #expect(vectors.count == 2)
    for vector in vectors {
      let numbers = Vector(fields: vector.fields["scrypt"] as! [String: Any])
      let cost = KeyDerivation.ScryptCost(
        n: UInt64(numbers.number("N")), r: UInt64(numbers.number("r")),
        p: UInt64(numbers.number("p")))
      let salt = vector.bytes("salt")
      #expect(Array(vector.text("password_utf8").utf8) == vector.bytes("password_hex"))
      let password = vector.secret("password_hex")
      let input = vector.secret("scrypt_input_hex")
      let names = SPAKE2Plus.Names(
        prover: vector.text("idProver"), verifier: vector.text("idVerifier"))
      let count = numbers.number("dkLen")
      #expect(
        try KeyDerivation.scrypt(password: input, salt: salt.span, cost: cost, count: count).hex
          == vector.text("scrypt_output"))
      // Ours is longer, and begins alike.
      let stretched = try SPAKE2Plus.stretch(
        password: password, salt: salt.span, names: names, cost: cost)
      #expect(stretched.count == 112)
      #expect(stretched.part(0..<count).hex == vector.text("scrypt_output"))
      let w0 = try P256.shared.scalar(reducing: stretched.part(0..<40))
      let w1 = try P256.shared.scalar(reducing: stretched.part(40..<80))
      #expect(try P256.shared.encode(w0).hex == vector.text("w0"))
      #expect(try P256.shared.encode(w1).hex == vector.text("w1"))
      let registration = try SPAKE2Plus.VerifierRegistration(
        password: password, salt: salt.span, idProver: vector.text("idProver"),
        idVerifier: vector.text("idVerifier"), cost: cost)
      #expect(try registration.encodedL()?.hex == vector.text("L"))
      #expect(registration.messageSecret == stretched.part(80..<112))
    }
  }

  @Test("the fixed points are those of RFC 9383")
  func constants() throws {
    let constants = Vector(
      fields: try Vector.file("spake2plus").fields["constants"] as! [String: Any])
    #expect(P256.shared.encodedM.hex == constants.text("M_uncompressed"))
    #expect(P256.shared.encodedN.hex == constants.text("N_uncompressed"))
    #expect(constants.text("M_compressed").dropFirst(2) == Array(P256.shared.encodedM[1..<33]).hex)
    #expect(constants.text("N_compressed").dropFirst(2) == Array(P256.shared.encodedN[1..<33]).hex)
    // The order reduces to zero, and one more to one.
    let order = constants.secret("n_order")
    let zero = try P256.shared.scalar(reducing: order)
    #expect(try P256.shared.encode(zero).hex == String(repeating: "0", count: 64))
  }

  @Test("a table of a point's multiples has the same as multiplying it")
  func fixedBase() throws {
    let curve = P256.shared
    let base = try curve.fixedBase(try curve.multiplyBase(try curve.randomScalar()))
    // Each row of the table and each of its digits, some numbers of any kind, and the order less one.
    var numbers = (0..<256).map { bit in
      [UInt8(1) << (bit % 8)] + [UInt8](repeating: 0, count: bit / 8)
    }
    for number in 1...130 { numbers.append([UInt8(number)]) }
    for _ in 0..<100 { numbers.append((0..<32).map { _ in .random(in: 0...255) }) }
    let constants = Vector(
      fields: try Vector.file("spake2plus").fields["constants"] as! [String: Any])
    let order = constants.bytes("n_order")
    numbers.append(order.dropLast() + [order[31] - 1])
    for number in numbers {
      let scalar = try curve.scalar(reducing: Secret(copying: number.span))
      #expect(
        try curve.encode(try curve.multiply(scalar, base))
          == curve.encode(try curve.multiply(scalar, base.point)), "\(number.hex)")
    }
    let zero = try curve.scalar(reducing: Secret(copying: order.span))
    #expect(try curve.encode(try curve.multiply(zero, base)) == nil)
  }

  @Test("bytes that are no share are refused by both sides")
  func invalidPoints() throws {
    let file = try Vector.file("spake2plus")
    let rfc = file.list("rfc9383")[0]
    let prover = try ProverSide(rfc)
    let verifier = try VerifierSide(rfc)
    let context = Array("context".utf8)
    let confirm = rfc.bytes("confirmV")
    #expect(file.list("invalid_points").count == 14)
    for vector in file.list("invalid_points") {
      let share = vector.bytes("point")
      #expect(!isPoint(share), "\(vector.text("name"))")
      #expect(throws: OpenSSLError.authenticationFailed) {
        _ = try SPAKE2Plus.Verifier(
          verifier.registration, shareP: share.span, context: context.span)
      }
      #expect(throws: OpenSSLError.authenticationFailed) {
        _ = try SPAKE2Plus.Prover(prover.registration)
          .finish(shareV: share.span, confirmV: confirm.span, context: context.span)
      }
    }
  }

  @Test("shares that cancel the mask, and reflected ones, are refused")
  func semanticRejects() throws {
    let file = try Vector.file("spake2plus")
    let rfc = file.list("rfc9383")[0]
    let context = Array(rfc.text("Context").utf8)
    let prover = try ProverSide(rfc)
    let verifier = try VerifierSide(rfc)
    var seen = 0
    for vector in file.list("semantic_rejects") {
      seen += 1
      if vector.has("w0") { #expect(vector.text("w0") == rfc.text("w0")) }
      switch vector.text("role") {
      case "verifier":
        let share = vector.bytes("shareP")
        #expect(isPoint(share))
        #expect(throws: OpenSSLError.authenticationFailed) {
          _ = try SPAKE2Plus.Verifier(
            verifier.registration, shareP: share.span, context: context.span)
        }
      default:
        let share = vector.has("shareV") ? vector.bytes("shareV") : rfc.bytes("shareV")
        let confirm = vector.has("confirmV") ? vector.bytes("confirmV") : rfc.bytes("confirmV")
        #expect(isPoint(share))
        #expect(throws: OpenSSLError.authenticationFailed) {
          _ = try prover.begin(rfc).finish(
            shareV: share.span, confirmV: confirm.span, context: context.span)
        }
      }
    }
    #expect(seen == 4)
  }

  @Test("no flipped bit of shareP authenticates on either side")
  func flippedShareP() throws {
    let run = try Run()
    for bit in 0..<SPAKE2Plus.shareLength * 8 {
      let prover = try SPAKE2Plus.Prover(run.prover)
      let flipped = flip(prover.share, bit)
      // Nearly always no point of the curve; where it is one, neither side may be content.
      do {
        let verifier = try SPAKE2Plus.Verifier(
          run.verifier, shareP: flipped.span, context: run.context.span)
        #expect(throws: OpenSSLError.authenticationFailed) {
          _ = try SPAKE2Plus.Prover(run.prover).finish(
            shareV: verifier.share.span, confirmV: verifier.confirmation.span,
            context: run.context.span)
        }
      } catch OpenSSLError.authenticationFailed {
        continue
      }
    }
  }

  @Test("no flipped bit of shareV or confirmV authenticates the host")
  func flippedV() throws {
    let run = try Run()
    for bit in 0..<(SPAKE2Plus.shareLength + SPAKE2Plus.confirmationLength) * 8 {
      let prover = try SPAKE2Plus.Prover(run.prover)
      let shareP = prover.share
      let verifier = try SPAKE2Plus.Verifier(
        run.verifier, shareP: shareP.span, context: run.context.span)
      let flipped = flip(verifier.share + verifier.confirmation, bit)
      let share = Array(flipped[..<SPAKE2Plus.shareLength])
      let confirm = Array(flipped[SPAKE2Plus.shareLength...])
      do {
        _ = try prover.finish(
          shareV: share.span, confirmV: confirm.span, context: run.context.span)
        Issue.record("bit \(bit) made no difference")
      } catch { #expect(error == .authenticationFailed) }
    }
  }

  @Test("no flipped bit of confirmP authenticates the client")
  func flippedConfirmP() throws {
    let run = try Run()
    for bit in 0..<SPAKE2Plus.confirmationLength * 8 {
      let prover = try SPAKE2Plus.Prover(run.prover)
      let shareP = prover.share
      let verifier = try SPAKE2Plus.Verifier(
        run.verifier, shareP: shareP.span, context: run.context.span)
      let (shareV, confirmV) = (verifier.share, verifier.confirmation)
      let confirm = try prover.finish(
        shareV: shareV.span, confirmV: confirmV.span, context: run.context.span)
      let flipped = flip(confirm, bit)
      let accepted = verifier.accepts(flipped.span)
      #expect(!accepted)
    }
  }

  @Test("the right password authenticates, another password, context or name does not")
  func runs() throws {
    let run = try Run()
    #expect(try run.succeeds(run.prover, run.context))
    #expect(try !run.succeeds(Run(password: "pasword").prover, run.context))
    #expect(try !run.succeeds(Run(idProver: "client").prover, run.context))
    #expect(try !run.succeeds(Run(salt: 1).prover, run.context))
    for bit in 0..<run.context.count * 8 {
      #expect(try !run.succeeds(run.prover, flip(run.context, bit)))
    }
    #expect(run.prover.messageSecret == run.verifier.messageSecret)
    #expect(try Run(password: "pasword").prover.messageSecret != run.verifier.messageSecret)
  }

  @Test("confirmations of other lengths are refused")
  func lengths() throws {
    let run = try Run()
    for count in [0, 1, 31, 33] {
      let prover = try SPAKE2Plus.Prover(run.prover)
      let shareP = prover.share
      let verifier = try SPAKE2Plus.Verifier(
        run.verifier, shareP: shareP.span, context: run.context.span)
      let confirm = Array((verifier.confirmation + [0]).prefix(count))
      let share = verifier.share
      let accepted = verifier.accepts(confirm.span)
      #expect(!accepted)
      do {
        _ = try prover.finish(
          shareV: share.span, confirmV: confirm.span, context: run.context.span)
        Issue.record("\(count) bytes are no confirmation")
      } catch { #expect(error == .authenticationFailed) }
    }
  }

  private func isPoint(_ bytes: [UInt8]) -> Bool {
    guard let point = P256.shared.decode(bytes.span) else { return false }
    _ = point
    return true
  }

  private func flip(_ bytes: [UInt8], _ bit: Int) -> [UInt8] {
    var bytes = bytes
    bytes[bit / 8] ^= 1 << (bit % 8)
    return bytes
  }
}

private struct ProverSide {
  let names: SPAKE2Plus.Names
  let registration: SPAKE2Plus.ProverRegistration

  init(_ vector: Vector) throws {
    names = SPAKE2Plus.Names(
      prover: vector.text("idProver"), verifier: vector.text("idVerifier"))
    registration = try SPAKE2Plus.ProverRegistration(
      w0: vector.secret("w0"), w1: vector.secret("w1"), messageSecret: Secret(""), names: names)
  }

  func begin(_ vector: Vector) throws -> SPAKE2Plus.Prover {
    try SPAKE2Plus.Prover(registration, x: P256.shared.scalar(reducing: vector.secret("x")))
  }
}

private struct VerifierSide {
  let registration: SPAKE2Plus.VerifierRegistration

  init(_ vector: Vector) throws {
    registration = try SPAKE2Plus.VerifierRegistration(
      w0: vector.secret("w0"), w1: vector.secret("w1"), messageSecret: Secret(""),
      names: SPAKE2Plus.Names(
        prover: vector.text("idProver"), verifier: vector.text("idVerifier")))
  }
}

/// Both sides of one password, with a scrypt that costs next to nothing.
private struct Run {
  let prover: SPAKE2Plus.ProverRegistration
  let verifier: SPAKE2Plus.VerifierRegistration
  let context = Array("netchat/2 spake2plus".utf8)

  init(password: String = "password", idProver: String = "clint", salt: UInt8 = 0) throws {
    let salt = [UInt8](repeating: salt, count: 16)
    let cost = KeyDerivation.ScryptCost(n: 16, r: 1, p: 1)
    prover = try SPAKE2Plus.ProverRegistration(
      password: Secret(password), salt: salt.span, idProver: idProver, cost: cost)
    verifier = try SPAKE2Plus.VerifierRegistration(
      password: Secret(password), salt: salt.span, cost: cost)
  }

  /// Whether `prover` and our verifier come to terms.
  func succeeds(_ other: SPAKE2Plus.ProverRegistration, _ context: [UInt8]) throws -> Bool {
    let prover = try SPAKE2Plus.Prover(other)
    let shareP = prover.share
    let verifier = try SPAKE2Plus.Verifier(
      verifier, shareP: shareP.span, context: self.context.span)
    let (shareV, confirmV) = (verifier.share, verifier.confirmation)
    do {
      let confirm = try prover.finish(
        shareV: shareV.span, confirmV: confirmV.span, context: context.span)
      return verifier.accepts(confirm.span)
    } catch OpenSSLError.authenticationFailed {
      return false
    }
  }
}
