import OpenSSL
import Sockets

/// Runs `netchat gencert`; returns the exit status.
func runGencert(_ arguments: GencertArguments) -> Int32 {
  GencertCommand(arguments).run().rawValue
}

/// Makes a certificate that vouches for itself, and its private key.
private struct GencertCommand {
  private let arguments: GencertArguments

  init(_ arguments: GencertArguments) { self.arguments = arguments }

  /// What went wrong, for `Diagnostics`.
  private struct Failure: Error {
    let message: String
    let hint: String?

    init(_ message: String, hint: String? = nil) {
      self.message = message
      self.hint = hint
    }
  }

  func run() -> ExitStatus {
    do throws(Failure) {
      try checkPlaces()
      let names = arguments.names.isEmpty ? CertifiedNames.ofThisMachine : arguments.names
      let certificate = try make(names)
      try write(certificate)
      return show(report(on: certificate, names)) == 0 ? .success : .failure
    } catch {
      Diagnostics.report(error.message, hint: error.hint)
      return .failure
    }
  }

  /// Before anything is made: a key alone is of no use.
  private func checkPlaces() throws(Failure) {
    let (cert, key) = (arguments.cert, arguments.key)
    guard !File.areSame(cert, key) else {
      throw Failure("the certificate and the key cannot both be \(cert)", hint: "try --key key.pem")
    }
    var existing: [String] = []
    for path in [cert, key] {
      let status: File.Status?
      do throws(SystemError) {
        status = try File.status(path)
      } catch {
        throw unwritable(path, error)
      }
      guard let status else { continue }
      guard !status.isDirectory else { throw Failure("cannot write \(path): is a directory") }
      // A device or a pipe would be a file from then on.
      guard status.isRegular else { throw Failure("cannot write \(path): is no regular file") }
      existing.append(path)
    }
    guard existing.isEmpty || arguments.replacesFiles else {
      throw Failure(
        "\(existing.joined(separator: " and ")) \(existing.count == 1 ? "exists" : "exist") already",
        hint: "other names are given with --cert and --key; --force replaces what is there")
    }
  }

  private func make(_ names: [String]) throws(Failure) -> Certificate {
    do throws(OpenSSLError) {
      return try Certificate.selfSigned(
        keyType: arguments.keyType, names: names, days: arguments.days,
        now: Clock.unixMilliseconds() / 1000)
    } catch {
      throw Failure("\(error)")
    }
  }

  /// Both files are on the disk before one gets its name: when one cannot be written neither is there,
  /// or the old ones are.
  private func write(_ certificate: Certificate) throws(Failure) {
    let pem: [UInt8]
    let keyPEM: Secret
    do throws(OpenSSLError) {
      pem = try certificate.certificatePEM()
      keyPEM = try certificate.keyPEM()
    } catch {
      throw Failure("\(error)")
    }
    var path = arguments.key
    do throws(SystemError) {
      let keyFile = try keyPEM.withSpan { bytes throws(SystemError) in
        try StagedFile.write(bytes, for: arguments.key, mode: 0o600)
      }
      path = arguments.cert
      let certificateFile = try StagedFile.write(pem.span, for: arguments.cert, mode: 0o644)
      path = arguments.key
      if arguments.replacesFiles {
        try keyFile.replace()
        path = arguments.cert
        try certificateFile.replace()
      } else {
        try keyFile.create()
        path = arguments.cert
        do throws(SystemError) {
          try certificateFile.create()
        } catch {
          File.remove(arguments.key)
          throw error
        }
      }
    } catch {
      throw unwritable(path, error)
    }
  }

  private func unwritable(_ path: String, _ error: SystemError) -> Failure {
    Failure("cannot write \(path): \(error.reason)")
  }

  private func report(on certificate: Certificate, _ names: [String]) -> String {
    let (cert, key) = (shellWord(arguments.cert), shellWord(arguments.key))
    let host = shellWord(CertifiedNames.nameToJoin(among: names))
    return """
      Certificate: \(Diagnostics.oneLine(arguments.cert))
      Private key: \(Diagnostics.oneLine(arguments.key))
      Names: \(names.joined(separator: ", "))
      Valid until: \(Clock.date(unixSeconds: certificate.expiry))
      Fingerprint: \(certificate.fingerprint)
      Host: netchat host --tls --cert \(cert) --key \(key)
      Join: netchat clint --host \(host) --fingerprint \(certificate.fingerprint)

      """
  }
}

/// The names that a certificate is made for.
enum CertifiedNames {
  /// `localhost`, the name of this machine, its addresses and those of the loopback.
  static var ofThisMachine: [String] {
    names(
      machine: Machine.hostName, addresses: Machine.addresses.map(\.host))
  }

  static func names(machine: String?, addresses: [String]) -> [String] {
    var names = ["localhost"]
    // A machine may be named in a way that no certificate can hold.
    let candidates = [machine].compactMap { $0 } + ["127.0.0.1", "::1"] + addresses
    for name in candidates where !names.contains(name) && isCertifiable(name) {
      names.append(name)
    }
    return names
  }

  private static func isCertifiable(_ name: String) -> Bool {
    do throws(OpenSSLError) {
      try Certificate.check(name: name)
      return true
    } catch {
      return false
    }
  }

  /// The name that others are most likely to reach this machine by.
  static func nameToJoin(among names: [String]) -> String {
    let exact = names.filter { !$0.hasPrefix("*") }
    let far = exact.filter { $0 != "localhost" && $0 != "::1" && !$0.hasPrefix("127.") }
    return far.first { Endpoint.isIPv4Address($0) } ?? far.first ?? exact.first ?? "HOST"
  }
}

/// A text as a shell takes it for one word.
func shellWord(_ text: String) -> String {
  let isPlain = text.unicodeScalars.allSatisfy { scalar in
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".", "/", ":", "+", ",", "@", "%": true
    default: false
    }
  }
  if isPlain, !text.isEmpty { return text }
  let quoted = text.split(separator: "'", omittingEmptySubsequences: false).joined(
    separator: "'\\''")
  return Diagnostics.oneLine("'\(quoted)'")
}
