/// SPAKE2+ (RFC 9383), suite P256-SHA256-HKDF-SHA256-HMAC-SHA256: a client (the prover) shows that
/// it knows the password to a host (the verifier) that keeps less than that, and sees at the same
/// time that the host knows it too. Someone in between, or at one end, has one guess a run.
///
///     prover                                   verifier
///     Prover(registration)     ── share ─▶     Verifier(registration, shareP, context)
///     finish(shareV, confirmV, context)
///                              ◀─ share, confirmation ──
///                              ── confirmP ─▶  accepts(confirmP)
///
/// The context may speak of the first share, so both sides bring it to the second step.
/// Whatever is wrong with a peer's share or confirmation is `.authenticationFailed`.
package enum SPAKE2Plus {
  package static let shareLength = Point.length
  package static let confirmationLength = Digest.length
  /// PROTOCOL.md, section 4: fixed, so that no host can ask for more work or for less.
  package static let cost = KeyDerivation.ScryptCost(n: 131_072, r: 8, p: 1)
  package static let idProver = "clint"
  package static let idVerifier = "host"

  /// What one side keeps of a password.
  package protocol PasswordRegistration: AnyObject {
    /// - Parameters:
    ///   - w0: a big-endian number, which is reduced modulo the group's order; and so is w1.
    ///   - messageSecret: 32 bytes.
    init(w0: Secret, w1: Secret, messageSecret: Secret, names: Names) throws(OpenSSLError)
  }

  /// What the client keeps of a password.
  package final class ProverRegistration: PasswordRegistration, @unchecked Sendable {
    // Unchecked: numbers are only read after `init`.
    fileprivate let names: Names
    fileprivate let w0: Scalar
    fileprivate let w1: Scalar
    fileprivate let encodedW0: Secret
    /// 32 bytes that all who know the password share: the key that message keys come from.
    package let messageSecret: Secret

    package init(
      w0: Secret, w1: Secret, messageSecret: Secret, names: Names
    ) throws(OpenSSLError) {
      self.w0 = try P256.shared.scalar(reducing: w0)
      self.w1 = try P256.shared.scalar(reducing: w1)
      encodedW0 = try P256.shared.encode(self.w0)
      self.names = names
      self.messageSecret = messageSecret
    }
  }

  /// What the host keeps of a password: enough to check a client, too little to pose as one
  /// without guessing.
  package final class VerifierRegistration: PasswordRegistration, @unchecked Sendable {
    // Unchecked: points are only read after `init`.
    fileprivate let names: Names
    fileprivate let encodedW0: Secret
    fileprivate let l: FixedBase
    /// -w0·M and w0·N, which are the same in every run.
    fileprivate let minusW0M: Point
    fileprivate let w0N: Point
    /// 32 bytes that all who know the password share: the key that message keys come from.
    package let messageSecret: Secret

    package init(
      w0: Secret, w1: Secret, messageSecret: Secret, names: Names
    ) throws(OpenSSLError) {
      let curve = P256.shared
      let w0 = try curve.scalar(reducing: w0)
      let w1 = try curve.scalar(reducing: w1)
      encodedW0 = try curve.encode(w0)
      l = try curve.fixedBase(try curve.multiplyBase(w1))
      minusW0M = try curve.negate(try curve.multiply(w0, curve.m))
      w0N = try curve.multiply(w0, curve.n)
      self.names = names
      self.messageSecret = messageSecret
    }

    /// L, for tests.
    func encodedL() throws(OpenSSLError) -> Secret? { try P256.shared.encode(l.point) }
  }

  /// The client's side of one run. May change threads: it has one owner, and so have its numbers.
  package struct Prover: ~Copyable, @unchecked Sendable {
    private let registration: ProverRegistration
    private let x: Scalar
    /// shareP, to be sent to the verifier.
    package let share: [UInt8]

    package init(_ registration: ProverRegistration) throws(OpenSSLError) {
      try self.init(registration, x: try P256.shared.randomScalar())
    }

    init(_ registration: ProverRegistration, x: consuming Scalar) throws(OpenSSLError) {
      let curve = P256.shared
      let point = try curve.multiply(x, plus: registration.w0, curve.m)
      guard let encoded = try curve.encode(point) else { throw .authenticationFailed }
      share = encoded.copy()
      self.registration = registration
      self.x = x
    }

    /// Checks the verifier's confirmation and returns confirmP for it. Once a run: the scalar is
    /// gone afterwards.
    package consuming func finish(
      shareV: Span<UInt8>, confirmV: Span<UInt8>, context: Span<UInt8>
    ) throws(OpenSSLError) -> [UInt8] {
      let points = try points(shareV: shareV)
      let transcript = transcript(
        names: registration.names, context: context, shareP: share.span, shareV: shareV,
        points: points, w0: registration.encodedW0)
      let keys = try Keys(transcript: transcript)
      let expected = try Digest.hmacSHA256(key: keys.confirmV, share.span)
      guard constantTimeEqual(expected.span, confirmV) else { throw .authenticationFailed }
      return try Digest.hmacSHA256(key: keys.confirmP, shareV)
    }

    /// Z = x·(Y - w0·N), V = w1·(Y - w0·N)
    func points(shareV: Span<UInt8>) throws(OpenSSLError) -> SharedPoints {
      let curve = P256.shared
      guard let y = curve.decode(shareV) else { throw .authenticationFailed }
      let mask = try curve.negate(try curve.multiply(registration.w0, curve.n))
      let base = try curve.add(y, mask)
      guard let z = try curve.encode(try curve.multiply(x, base)),
        let v = try curve.encode(try curve.multiply(registration.w1, base))
      else { throw .authenticationFailed }
      return SharedPoints(z: z, v: v)
    }
  }

  /// The host's side of one run. May change threads: it has one owner, and so have its numbers.
  package struct Verifier: ~Copyable, @unchecked Sendable {
    /// shareV and confirmV, to be sent to the prover.
    package let share: [UInt8]
    package let confirmation: [UInt8]
    private let expected: Secret

    /// Throws `.authenticationFailed` for a share that is none.
    package init(
      _ registration: VerifierRegistration, shareP: Span<UInt8>, context: Span<UInt8>
    ) throws(OpenSSLError) {
      try self.init(
        registration, y: try P256.shared.randomScalar(), shareP: shareP, context: context)
    }

    init(
      _ registration: VerifierRegistration, y: consuming Scalar, shareP: Span<UInt8>,
      context: Span<UInt8>
    ) throws(OpenSSLError) {
      let curve = P256.shared
      // First of all, so that a share that is none costs next to nothing.
      guard let peer = curve.decode(shareP) else { throw .authenticationFailed }
      let own = try curve.add(try curve.multiplyBase(y), registration.w0N)
      guard let encoded = try curve.encode(own) else { throw .authenticationFailed }
      let share = encoded.copy()
      let points = try Self.points(registration, y: y, peer: peer)
      let transcript = transcript(
        names: registration.names, context: context, shareP: shareP, shareV: share.span,
        points: points, w0: registration.encodedW0)
      let keys = try Keys(transcript: transcript)
      let confirmation = try Digest.hmacSHA256(key: keys.confirmV, shareP)
      let expected = try keys.expectation(shareV: share.span)
      self.share = share
      self.confirmation = confirmation
      self.expected = expected
    }

    /// Whether the prover knew the password.
    package consuming func accepts(_ confirmP: Span<UInt8>) -> Bool {
      expected == confirmP
    }

    /// Z = y·(X - w0·M), V = y·L
    static func points(
      _ registration: VerifierRegistration, y: borrowing Scalar, peer: borrowing Point
    ) throws(OpenSSLError) -> SharedPoints {
      let curve = P256.shared
      let base = try curve.add(peer, registration.minusW0M)
      guard let z = try curve.encode(try curve.multiply(y, base)),
        let v = try curve.encode(try curve.multiply(y, registration.l))
      else { throw .authenticationFailed }
      return SharedPoints(z: z, v: v)
    }
  }

  /// The names that both sides give themselves; they go into the scrypt and the transcript.
  package struct Names: Sendable {
    var prover: [UInt8]
    var verifier: [UInt8]

    init(prover: String, verifier: String) {
      self.prover = Array(prover.utf8)
      self.verifier = Array(verifier.utf8)
    }
  }

  struct SharedPoints {
    let z: Secret
    let v: Secret
  }

  /// The key schedule (RFC 9383, section 3.4).
  struct Keys {
    let main: Secret
    let confirmP: Secret
    let confirmV: Secret

    init(transcript: Secret) throws(OpenSSLError) {
      main = unsafe try transcript.derived(count: Digest.length) {
        source, target throws(OpenSSLError) in
        guard unsafe Digest.sha256(source, into: target) else { throw .failed("hash") }
      }
      let both = try Self.expand(main, "ConfirmationKeys", count: 2 * Digest.length)
      confirmP = both.part(0..<Digest.length)
      confirmV = both.part(Digest.length..<2 * Digest.length)
    }

    /// confirmP, which the verifier must not show before the prover has.
    func expectation(shareV: Span<UInt8>) throws(OpenSSLError) -> Secret {
      unsafe try confirmP.derived(count: Digest.length) { key, target throws(OpenSSLError) in
        let ok = unsafe shareV.withUnsafeBytes { share in
          unsafe Digest.hmacSHA256(key: key, share, into: target)
        }
        guard ok else { throw .failed("authenticate bytes") }
      }
    }

    /// K_shared. netchat takes its message keys from the password instead: they must outlive
    /// one connection.
    func shared() throws(OpenSSLError) -> Secret {
      try Self.expand(main, "SharedKey", count: Digest.length)
    }

    private static func expand(
      _ key: Secret, _ info: String, count: Int
    ) throws(OpenSSLError) -> Secret {
      let salt: [UInt8] = []
      let info = Array(info.utf8)
      return try KeyDerivation.hkdfSHA256(
        key: key, salt: salt.span, info: info.span, count: count)
    }
  }

  /// w0s, w1s (40 bytes each) and the message secret, by scrypt over the password and both names
  /// (RFC 9383, section 3.2; the message secret is ours).
  static func stretch(
    password: Secret, salt: Span<UInt8>, names: Names, cost: KeyDerivation.ScryptCost
  ) throws(OpenSSLError) -> Secret {
    let input = lengthPrefixed(
      [
        .secret(password), .open(names.prover), .open(names.verifier),
      ], lifetime: .long)
    return try KeyDerivation.scrypt(password: input, salt: salt, cost: cost, count: 112)
  }

  /// TT (RFC 9383, section 3.3).
  static func transcript(
    names: Names, context: Span<UInt8>, shareP: Span<UInt8>, shareV: Span<UInt8>,
    points: SharedPoints, w0: Secret
  ) -> Secret {
    lengthPrefixed(
      [
        .open(Array(copying: context)), .open(names.prover), .open(names.verifier),
        .open(P256.shared.encodedM), .open(P256.shared.encodedN),
        .open(Array(copying: shareP)), .open(Array(copying: shareV)),
        .secret(points.z), .secret(points.v), .secret(w0),
      ], lifetime: .brief)
  }

  private enum Field {
    case open([UInt8])
    case secret(Secret)

    var count: Int {
      switch self {
      case .open(let bytes): bytes.count
      case .secret(let secret): secret.count
      }
    }
  }

  /// Each field behind its length, 8 bytes little-endian.
  private static func lengthPrefixed(
    _ fields: [Field], lifetime: Secret.Lifetime
  ) -> Secret {
    let count = fields.reduce(0) { $0 + 8 + $1.count }
    return unsafe Secret(count: count, lifetime: lifetime) { target in
      var start = 0
      func append(_ bytes: UnsafeRawBufferPointer) {
        let place = start..<start + bytes.count
        unsafe UnsafeMutableRawBufferPointer(rebasing: target[place]).copyMemory(from: bytes)
        start = place.upperBound
      }
      for field in fields {
        unsafe withUnsafeBytes(of: UInt64(field.count).littleEndian) { unsafe append($0) }
        switch field {
        case .open(let bytes): unsafe bytes.withUnsafeBytes { unsafe append($0) }
        case .secret(let secret): unsafe secret.withBytes { unsafe append($0) }
        }
      }
    }
  }
}

extension SPAKE2Plus.PasswordRegistration {
  /// Runs scrypt: slow on purpose, never on a thread that serves others.
  package init(
    password: Secret, salt: Span<UInt8>, idProver: String = SPAKE2Plus.idProver,
    idVerifier: String = SPAKE2Plus.idVerifier, cost: KeyDerivation.ScryptCost = SPAKE2Plus.cost
  ) throws(OpenSSLError) {
    let names = SPAKE2Plus.Names(prover: idProver, verifier: idVerifier)
    let stretched = try SPAKE2Plus.stretch(
      password: password, salt: salt, names: names, cost: cost)
    try self.init(
      w0: stretched.part(0..<40), w1: stretched.part(40..<80),
      messageSecret: stretched.part(80..<112), names: names)
  }
}

extension Secret {
  /// For what turned out to be no secret: a share goes over the wire.
  fileprivate func copy() -> [UInt8] {
    unsafe withBytes { unsafe Array($0) }
  }
}

extension Array where Element == UInt8 {
  init(copying bytes: Span<UInt8>) {
    self = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
  }
}
