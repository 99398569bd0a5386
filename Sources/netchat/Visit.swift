import ChatClient
import ChatCore
import Glibc
import OpenSSL
import Sockets

/// What a client does to be sure of one host: how it connects, which certificate it takes, which
/// password it proves itself by, and what it remembers (PROTOCOL.md, sections 2, 4, 9 and 10).
final class Visit {
  let connector: Connector
  private let arguments: ClintArguments
  private let host: String
  private let port: UInt16
  private let isInteractive: Bool
  private let known: KnownHosts?
  private var remembered: KnownHosts.Entry?
  /// Whether the room has been joined: nothing is asked of the user any more.
  private var hasJoined = false
  private let passwords: PasswordSource
  private var password: Secret?
  private var keys: RoomPassword?
  private var versionOneKeys: VersionOnePassword?
  /// The certificate of the present connection, if somebody vouched for it.
  private var vouched: Fingerprint?
  /// How often keys have been made since the room was joined last.
  private var keysMade = 0

  /// - Parameter host: the name or address that was dialled.
  init(
    _ arguments: ClintArguments, host: String, port: UInt16, interactive: Bool
  ) throws(VisitError) {
    self.arguments = arguments
    self.host = host
    self.port = port
    isInteractive = interactive
    // A unix socket is where its path says: there is nobody in between.
    known = arguments.unix == nil ? KnownHosts.standardPath.map { KnownHosts(path: $0) } : nil
    do throws(KnownHosts.Failure) {
      remembered = try known?.entry(host: host, port: port)
    } catch {
      let hint =
        if case .invalidLine = error { "mend or remove that line" } else {
          "without it nobody knows whether this host was encrypted before"
        }
      throw VisitError("\(error)", hint: hint)
    }
    passwords = PasswordSource(argument: arguments.password, file: arguments.passwordFile)
    // A certificate is looked at once the host has said whether it proves itself by password.
    let trust: TLSContext.Trust =
      if let file = arguments.cert { .file(file) } else if arguments.tlsInsecure { .anything } else
      {
        .system
      }
    do throws(OpenSSLError) {
      connector = Connector(
        host: host,
        arguments.tls || arguments.secure || passwords.isGiven || remembered != nil
          ? .encrypted : .find,
        try TLSContext(trusting: trust, required: false, minimum: .tls12),
        timeout: arguments.timeoutNanoseconds)
    } catch {
      throw VisitError("cannot use TLS: \(error)", hint: nil)
    }
  }

  // MARK: Deciding

  /// Says whether to go on with a host that has said what it is.
  func decide(_ hello: HostPacket.Hello, _ link: inout Link) -> Client.Decision {
    vouched = nil
    if hello.isSecure { return decideSecure(hello, &link) }
    if remembered == .secure {
      return refuse(
        "\(place) was a secure room before, and now asks for no password",
        hint: "someone may be in the middle; if it is meant, netchat clint --forget \(place)")
    }
    if arguments.secure || passwords.isGiven {
      return refuse(
        "\(place) asks for no password: it is not a secure room",
        hint: "nothing was said to it; leave out the password to join all the same")
    }
    if link.isEncrypted { return verify(&link, remembers: true) ?? .proceed(.none) }
    guard remembered == nil, password == nil else {
      return refuse(
        "\(place) was encrypted before, and nothing was said to it", hint: hintForClearText)
    }
    return .proceed(.none)
  }

  private func decideSecure(_ hello: HostPacket.Hello, _ link: inout Link) -> Client.Decision {
    guard link.isEncrypted else {
      return refuse(
        "\(place) says it is secure, and speaks clear text", hint: "nothing was said to it")
    }
    let mustVerify = arguments.cert != nil || arguments.fingerprint != nil
    guard hello.auth.contains("spake2plus") else { return decideVersionOne(hello, &link) }
    if mustVerify, let refusal = verify(&link, remembers: false) { return refusal }
    guard let exporter = link.exporter() else {
      return refuse(
        "\(place) does not offer TLS 1.3, which a secure room needs",
        hint: "nothing was said to it")
    }
    if hasJoined, password == nil {
      return refuse("\(place) has become a secure room", hint: "join it again, with its password")
    }
    guard let keys, let salt = Self.salt(of: hello), keys.salt == salt, keys.room == hello.room
    else {
      return .end(.needs(.keys(hello)))
    }
    return .proceed(.keys(keys, exporter: exporter))
  }

  /// A host of version 1 reads the password itself: only one whose certificate is verified gets it.
  private func decideVersionOne(_ hello: HostPacket.Hello, _ link: inout Link) -> Client.Decision {
    guard arguments.compat else {
      return refuse(
        "the host at \(place) is of version 1, and would be told the password itself",
        hint: "--compat does that, over a certificate that is verified")
    }
    guard remembered != .secure else {
      return refuse(
        "\(place) proved before that it knows the password, and now wants to be told it",
        hint: "someone may be in the middle; if it is meant, netchat clint --forget \(place)")
    }
    if let refusal = verify(&link, remembers: true) { return refusal }
    guard let versionOneKeys else { return .end(.needs(.keys(hello))) }
    return .proceed(.versionOne(versionOneKeys))
  }

  /// Looks at the host's certificate; nil if it will do.
  private func verify(_ link: inout Link, remembers: Bool) -> Client.Decision? {
    let fingerprint = link.fingerprint()
    if let pin = arguments.fingerprint, fingerprint != pin {
      return refuse(
        "the certificate of \(place) is not the one that --fingerprint names",
        hint: "it is \(fingerprint?.description ?? "missing")")
    }
    if arguments.cert != nil, let problem = link.certificateProblem() {
      return refuse(
        "the certificate of \(place) is not one that --cert vouches for: \(problem)", hint: nil)
    }
    let isPinned = arguments.fingerprint != nil || arguments.cert != nil
    if !isPinned, arguments.tlsInsecure || arguments.unix != nil { return nil }
    guard !isPinned, let problem = link.certificateProblem() else {
      if remembers { vouched = fingerprint }
      return nil
    }
    guard let fingerprint else {
      return refuse("\(place) shows no certificate", hint: nil)
    }
    switch remembered {
    case .certificate(fingerprint): return nil
    case .certificate:
      return refuse(
        "THE CERTIFICATE OF \(place) HAS CHANGED: someone may be in the middle. "
          + "It is \(fingerprint) now",
        hint: "if it is meant, netchat clint --forget \(place), and join again")
    case .secure, nil: break
    }
    guard remembers else { return nil }
    // A host waits for no answer of a user's: the client comes again with it.
    if isInteractive, !hasJoined { return .end(.needs(.trust(fingerprint, problem: problem))) }
    let (reason, hint) = unverified(fingerprint, problem)
    return refuse(reason, hint: hint)
  }

  private func unverified(_ fingerprint: Fingerprint, _ problem: String) -> (String, hint: String) {
    (
      "the certificate of \(place) is not verified: \(problem)",
      hint: "join with --fingerprint \(fingerprint) if that is the host's own"
    )
  }

  /// Asks once about a certificate that nobody vouches for, and remembers the answer, as ssh does. If
  /// that is no, it has been said, and the status to end with is returned.
  private func ask(
    about fingerprint: Fingerprint, _ problem: String, _ questions: inout Questions
  ) -> ExitStatus? {
    let question =
      "The certificate of \(place) is not verified: \(problem).\n"
      + "Its fingerprint is \(fingerprint).\nJoin, and remember it? [y/N]: "
    // There is nothing to lose yet: a signal ends the program here as any other.
    let answer: Result<Bool, Questions.Unanswered> = Signals.unblocked {
      do throws(Questions.Unanswered) {
        return .success(try questions.askYesOrNo(question))
      } catch {
        return .failure(error)
      }
    }
    switch answer {
    case .success(true):
      remember(.certificate(fingerprint))
      return nil
    case .success(false):
      let (reason, hint) = unverified(fingerprint, problem)
      Diagnostics.report(reason, hint: hint)
      return .failure
    case .failure: return .failure
    }
  }

  private func refuse(_ reason: String, hint: String?) -> Client.Decision {
    .end(.refused(reason, hint: hint))
  }

  private var place: String {
    arguments.unix.map { "unix:\($0)" } ?? Address.join(host: host, port: port)
  }

  // MARK: Passwords

  private static func salt(of hello: HostPacket.Hello) -> [UInt8]? {
    guard let salt = hello.salt.flatMap({ Base64.decode($0.utf8Span.span) }), salt.count == 16
    else { return nil }
    return salt
  }

  /// Settles what the client cannot go on without. If that cannot be, it has been said, and the status to
  /// end with is returned.
  func settle(_ need: Client.Need, _ questions: inout Questions) -> ExitStatus? {
    switch need {
    case .keys(let hello): makeKeys(for: hello, &questions)
    case .trust(let fingerprint, let problem): ask(about: fingerprint, problem, &questions)
    }
  }

  private func makeKeys(for hello: HostPacket.Hello, _ questions: inout Questions) -> ExitStatus? {
    do throws(VisitError) {
      // Making them takes longer than a host waits, so the client then comes again; and once more if
      // the host was started anew in between.
      keysMade += 1
      guard keysMade <= 3 else {
        throw VisitError(
          "the host changes its room each time it is asked", hint: "try again later")
      }
      let password = try givenPassword(&questions)
      guard hello.auth.contains("spake2plus") else {
        versionOneKeys = try derive { () throws(OpenSSLError) in try VersionOnePassword(password) }
        return nil
      }
      guard let salt = Self.salt(of: hello), let room = hello.room,
        let bytes = Hexadecimal.decode(room), bytes.count == 16
      else { throw VisitError("the host at \(place) does not say what its room is", hint: nil) }
      keys = try derive { () throws(OpenSSLError) in
        try RoomPassword(password: password, salt: salt, room: room, roomBytes: bytes)
      }
      return nil
    } catch {
      return error.report()
    }
  }

  private func derive<Keys>(_ make: () throws(OpenSSLError) -> Keys) throws(VisitError) -> Keys {
    do throws(OpenSSLError) {
      return try make()
    } catch {
      throw VisitError("cannot make the room's keys: \(error)", hint: nil)
    }
  }

  private func givenPassword(_ questions: inout Questions) throws(VisitError) -> Secret {
    if let password { return password }
    do throws(PasswordSource.Failure) {
      let secret = try passwords.password(for: .clint) { questions.pipedPassword($0) }
      password = secret
      return secret
    } catch {
      throw .reported(error.report())
    }
  }

  // MARK: Remembering

  /// The host let this client in, which in a secure room proves the host as well.
  func admitted(isSecure: Bool) {
    hasJoined = true
    keysMade = 0
    // Version 1 proves nothing: who such a host is its certificate says, as where there is no password.
    let entry: KnownHosts.Entry? =
      isSecure && keys != nil ? .secure : vouched.map { .certificate($0) }
    guard let entry, entry != remembered else { return }
    remember(entry)
  }

  private func remember(_ entry: KnownHosts.Entry) {
    remembered = entry
    do throws(KnownHosts.Failure) {
      try known?.remember(entry, host: host, port: port)
    } catch {
      Diagnostics.report("cannot remember this host: \(error)")
    }
  }

  // MARK: Words

  func hint(for error: OpenSSLError) -> String? {
    "the host may not speak TLS, or another version of it; check the address and the port"
  }

  var hintForClearText: String? {
    if remembered != nil {
      return "it was encrypted before; if it is meant, netchat clint --forget \(place)"
    }
    var given = arguments.encryption
    if given.isEmpty, passwords.isGiven { given.append(PasswordSource.environmentVariable) }
    return given.isEmpty
      ? "it was encrypted a moment ago: someone may be in the middle"
      : "leave out what asks for encryption (\(given.joined(separator: ", "))) to join it in clear text"
  }
}

/// Why a client cannot go on, in words for people.
enum VisitError: Error {
  case stop(String, hint: String?)
  /// It has been said already.
  case reported(ExitStatus)

  init(_ message: String, hint: String?) { self = .stop(message, hint: hint) }

  /// Tells the user, and returns the status to end with.
  func report() -> ExitStatus {
    switch self {
    case .stop(let message, let hint):
      Diagnostics.report(message, hint: hint)
      return .failure
    case .reported(let status): return status
    }
  }
}
