@testable import OpenSSL

/// Certificates and keys of files, shares of the curve, fingerprints, hosts' names: the first byte
/// says which.
func examine(_ bytes: [UInt8]) throws {
  let rest = Array(bytes.dropFirst())
  switch bytes.first ?? 0 {
  case UInt8(ascii: "c"):
    guard let found = try? PEM.certificates(Secret(copying: rest.span), source: "x") else { return }
    for certificate in found {
      let fingerprint = try certificate.fingerprint()
      guard Fingerprint(fingerprint.description) == fingerprint else {
        throw Broken("a fingerprint does not read as itself")
      }
      _ = try? certificate.validity()
    }
  case UInt8(ascii: "k"): _ = try? PEM.privateKey(Secret(copying: rest.span), source: "x")
  case UInt8(ascii: "p"): try takeShare(rest)
  case UInt8(ascii: "f"):
    let text = String(decoding: rest, as: UTF8.self)
    guard let fingerprint = Fingerprint(text) else { return }
    guard fingerprint.bytes.count == 32, Fingerprint(fingerprint.description) == fingerprint else {
      throw Broken("a fingerprint does not read as itself")
    }
  case UInt8(ascii: "n"): try? Certificate.check(name: String(decoding: rest, as: UTF8.self))
  default: break
  }
}

private let registration: SPAKE2Plus.VerifierRegistration? = {
  var password = Array("sesame".utf8)
  let salt = [UInt8](repeating: 1, count: 16)
  // As cheap as can be: it is done once more in each run of the fuzzer.
  return try? SPAKE2Plus.VerifierRegistration(
    password: Secret(wiping: &password), salt: salt.span,
    cost: KeyDerivation.ScryptCost(n: 2, r: 1, p: 1))
}()

/// A share is a point in exactly one form, and whatever it is a host answers or refuses it.
private func takeShare(_ bytes: [UInt8]) throws {
  guard let registration else { throw Broken("no registration") }
  let isPoint: Bool
  var isRight = true
  if let point = P256.shared.decode(bytes.span) {
    guard let again = try P256.shared.encode(point), again == bytes.span else {
      throw Broken("a point in two forms")
    }
    isPoint = true
  } else {
    isPoint = false
  }
  var failure: OpenSSLError?
  do throws(OpenSSLError) {
    let verifier = try SPAKE2Plus.Verifier(registration, shareP: bytes.span, context: bytes.span)
    isRight = verifier.share != bytes && verifier.share.count == SPAKE2Plus.shareLength
    if verifier.accepts([UInt8](repeating: 0, count: 32).span) { isRight = false }
  } catch {
    failure = error
  }
  guard isRight, isPoint == (failure == nil) else {
    throw Broken("point: \(isPoint), answered right: \(isRight), \(String(describing: failure))")
  }
}
