import ChatClient
import ChatCore
import OpenSSL
import Sockets

/// What is wrong between here and a host: goes the way that a client goes, step by step, and says at
/// each what it found (PROTOCOL.md, sections 2 to 5 and 10).
struct Diagnosis {
  private let host: String
  private let port: UInt16
  private let passwords: PasswordSource
  private let remembered: KnownHosts.Entry?
  private var report: SelftestReport

  /// Nothing more can be found: the last step has told why.
  private struct Stop: Error {}

  /// - Throws: `Failure` where what is remembered cannot be read.
  init(
    _ host: String, port: UInt16, _ passwords: PasswordSource, _ format: OutputFormat
  ) throws(KnownHosts.Failure) {
    self.host = host
    self.port = port
    self.passwords = passwords
    remembered = try KnownHosts.standardPath.map { KnownHosts(path: $0) }?
      .entry(host: host, port: port)
    report = SelftestReport(format)
  }

  mutating func run() -> ExitStatus {
    do throws(Stop) {
      try go()
    } catch {
      // What stopped it has been reported.
    }
    return report.finish()
  }

  private mutating func go() throws(Stop) {
    let addresses = try resolve()
    let address = try connect(addresses)
    let connector = try connector()
    var visitor = try meet(connector, address)
    let hello = try describe(&visitor)
    try lookAtCertificate(&visitor, hello)
    if hello.isSecure {
      guard let keys = try makeKeys(hello) else { return }
      // Somebody may have typed a password meanwhile, and a host does not wait as long.
      visitor.drop()
      visitor = try meetAgain(connector, address)
      try join(&visitor, "password", keys)
    } else {
      try join(&visitor, "admission", nil)
    }
    try measure(&visitor, version: hello.version)
    visitor.leave()
  }

  private var place: String { Address.join(host: host, port: port) }

  /// Nanoseconds that each step may take; a client waits as long.
  private static let patience: UInt64 = 10_000_000_000

  // MARK: Steps

  private mutating func step<Value>(
    _ name: String, _ body: () throws(SelftestCheck.Failure) -> (Value, found: String?)
  ) throws(Stop) -> Value {
    report.begin(name)
    do throws(SelftestCheck.Failure) {
      let (value, found) = try body()
      report.end(name, .holds(found))
      return value
    } catch {
      report.end(name, .fails(error))
      throw Stop()
    }
  }

  private mutating func leaveOpen(_ name: String, _ reason: String, hint: String?) {
    report.begin(name)
    report.end(name, .open(reason: reason, hint: hint))
  }

  private mutating func resolve() throws(Stop) -> [Address] {
    let (host, port) = (host, port)
    return try step("name") { () throws(SelftestCheck.Failure) in
      do throws(ResolutionError) {
        let addresses = try Address.resolve(host, port: port)
        let words = addresses.map(\.host).joined(separator: ", ")
        return (addresses, words == host ? host : "\(host) is \(words)")
      } catch {
        throw SelftestCheck.Failure(
          "cannot find '\(host)': \(error.reason)",
          hint: "is it spelled right? else try an address, such as 192.0.2.1 or ::1")
      }
    }
  }

  /// The first address that takes a connection, which is let go again.
  private mutating func connect(_ addresses: [Address]) throws(Stop) -> Address {
    try step("connection") { () throws(SelftestCheck.Failure) in
      var failures: [(address: Address, failure: SelftestCheck.Failure)] = []
      for address in addresses {
        do throws(SelftestCheck.Failure) {
          try Self.knock(at: address)
          let others = failures.map { "; not \($0.address.host): \($0.failure.reason)" }.joined()
          return (address, "\(address) takes it\(others)")
        } catch {
          failures.append((address, error))
        }
      }
      let words = failures.map { "\($0.address): \($0.failure.reason)" }.joined(separator: "; ")
      throw SelftestCheck.Failure(words, hint: failures.last?.failure.hint)
    }
  }

  private static func knock(at address: Address) throws(SelftestCheck.Failure) {
    let isReady: Bool
    do throws(SystemError) {
      let socket = try StreamSocket(connectingTo: address)
      isReady = try wait(for: .writing, on: socket.number, timeout: patience)
      if isReady, let error = socket.connectionError() { throw error }
    } catch {
      throw SelftestCheck.Failure(error.reason, hint: error.connectionHint)
    }
    if isReady { return }
    throw SelftestCheck.Failure(
      "no answer in time",
      hint: "packets are lost on the way, mostly in a firewall: is that port open there?")
  }

  /// How a client would come that has nothing to say before it knows whom to.
  private mutating func connector() throws(Stop) -> Connector {
    let isEncrypted = remembered != nil || passwords.isGiven
    do throws(OpenSSLError) {
      return Connector(
        host: host, isEncrypted ? .encrypted : .find,
        try TLSContext(trusting: .system, required: false, minimum: .tls12),
        timeout: Self.patience)
    } catch {
      report.begin("TLS")
      report.end("TLS", .fails(SelftestCheck.Failure("\(error)")))
      throw Stop()
    }
  }

  private mutating func meet(_ connector: Connector, _ address: Address) throws(Stop) -> Visitor {
    let advice = adviceForClearText
    // A closure cannot hand out what cannot be copied.
    report.begin("host")
    do throws(Visitor.Failure) {
      var visitor = try Visitor("selftest", connector, to: [address], patience: Self.patience)
      let hello = try visitor.greet()
      let software = hello.software.map { "\($0), " } ?? ""
      report.end("host", .holds("\(software)protocol version \(hello.version)"))
      return visitor
    } catch {
      if case .notConnected(.tls) = error {
        report.end("TLS", .fails(Self.failure(error, clearText: advice)))
      } else {
        report.end("host", .fails(Self.failure(error, clearText: advice)))
      }
      throw Stop()
    }
  }

  private mutating func meetAgain(
    _ connector: Connector, _ address: Address
  ) throws(Stop) -> Visitor {
    do throws(Visitor.Failure) {
      return try Visitor("selftest", connector, to: [address], patience: Self.patience)
    } catch {
      report.begin("password")
      report.end("password", .fails(Self.failure(error, clearText: nil)))
      throw Stop()
    }
  }

  private var adviceForClearText: String {
    remembered == nil
      ? "it is not a secure room: leave out the password to look at it all the same"
      : "it was encrypted before: someone may be in the middle; "
        + "if it is meant, netchat clint --forget \(place)"
  }

  /// In clear text or not, with a password or not.
  private mutating func describe(_ visitor: inout Visitor) throws(Stop) -> HostPacket.Hello {
    let hello: HostPacket.Hello
    do throws(Visitor.Failure) { hello = try visitor.greet() } catch { throw Stop() }
    let encryption = visitor.encryption()
    let wasSecure = remembered == .secure
    let (place, isGiven) = (place, passwords.isGiven)
    try step("encryption") { () throws(SelftestCheck.Failure) in
      if let encryption { return ((), encryption) }
      if hello.isSecure {
        throw SelftestCheck.Failure(
          "it says it is secure, and speaks clear text", hint: "do not join: someone is in between")
      }
      return ((), "none: whoever is on the way can read along")
    }
    try step("room") { () throws(SelftestCheck.Failure) in
      if hello.isSecure { return ((), "secure: it asks for a password") }
      if wasSecure {
        throw SelftestCheck.Failure(
          "it was a secure room before, and now asks for no password",
          hint: "someone may be in the middle; if it is meant, netchat clint --forget \(place)")
      }
      if isGiven {
        throw SelftestCheck.Failure(
          "it asks for no password: it is not a secure room",
          hint: "leave out the password to look at it all the same")
      }
      return ((), "not secure: it asks for no password")
    }
    return hello
  }

  private mutating func lookAtCertificate(
    _ visitor: inout Visitor, _ hello: HostPacket.Hello
  ) throws(Stop) {
    guard visitor.encryption() != nil, let fingerprint = visitor.fingerprint() else { return }
    let problem = visitor.certificateProblem()
    let (remembered, place) = (remembered, place)
    try step("certificate") { () throws(SelftestCheck.Failure) in
      if hello.isSecure { return ((), "not needed: the password proves the host") }
      guard let problem else { return ((), "verified, for \(place)") }
      switch remembered {
      case .certificate(fingerprint): return ((), "the one that was accepted before")
      case .certificate:
        throw SelftestCheck.Failure(
          "it has changed, to \(fingerprint): someone may be in the middle",
          hint: "ask the host's operator; if it is meant, netchat clint --forget \(place)")
      case .secure, nil:
        throw SelftestCheck.Failure(
          "not verified: \(problem); it is \(fingerprint)",
          hint: "ask the host's operator whether that is it, then join with --fingerprint")
      }
    }
  }

  /// The keys of a secure room; nil where nobody gives a password.
  private mutating func makeKeys(_ hello: HostPacket.Hello) throws(Stop) -> RoomPassword? {
    guard hello.auth.contains("spake2plus") else {
      leaveOpen(
        "password", "not tried: a host of version 1 would be told the password itself",
        hint: "netchat clint --compat does that")
      return nil
    }
    guard let room = hello.room, let bytes = Hexadecimal.decode(room), bytes.count == 16,
      let salt = hello.salt.flatMap({ Base64.decode($0.utf8Span.span) }), salt.count == 16
    else {
      return try step("password") { () throws(SelftestCheck.Failure) in
        throw SelftestCheck.Failure("the host does not say what its room is")
      }
    }
    guard let password = try givenPassword() else { return nil }
    do throws(OpenSSLError) {
      return try RoomPassword(password: password, salt: salt, room: room, roomBytes: bytes)
    } catch {
      return try step("password") { () throws(SelftestCheck.Failure) in
        throw SelftestCheck.Failure("cannot make the room's keys: \(error)")
      }
    }
  }

  private mutating func givenPassword() throws(Stop) -> Secret? {
    do throws(PasswordSource.Failure) {
      return try passwords.password(for: .clint) { _ in .none }
    } catch {
      guard passwords.isGiven else {
        leaveOpen(
          "password", "not tried: none was given",
          hint: "--password-file FILE or the variable \(PasswordSource.environmentVariable)")
        return nil
      }
      if case .unusable(let message, let hint) = error {
        report.begin("password")
        report.end("password", .fails(SelftestCheck.Failure(message, hint: hint)))
      }
      throw Stop()
    }
  }

  private mutating func join(
    _ visitor: inout Visitor, _ step: String, _ keys: RoomPassword?
  ) throws(Stop) {
    report.begin(step)
    do throws(Visitor.Failure) {
      let name = try visitor.join(keys)
      let proof = keys == nil ? "" : "right, and nobody is in the middle; "
      report.end(step, .holds("\(proof)let in as \(name)"))
    } catch {
      report.end(step, .fails(Self.failure(error, clearText: nil)))
      throw Stop()
    }
  }

  // MARK: Times

  private mutating func measure(_ visitor: inout Visitor, version: Int64) throws(Stop) {
    guard version >= 2 else {
      return leaveOpen(
        "round trip", "not measured: a host of version 1 answers no ping", hint: nil)
    }
    let name = visitor.session.name
    do throws(Visitor.Failure) {
      report.begin("round trip")
      var times: [UInt64] = []
      for _ in 0..<5 { times.append(try visitor.roundTrip()) }
      times.sort()
      let words = times.map { BenchTable.time(Double($0)) }
      report.end(
        "round trip", .holds("\(words[2]), the median of 5, from \(words[0]) to \(words[4])"))

      report.begin("clock")
      // For itself alone: nobody else sees it.
      let before = Clock.unixMilliseconds()
      try visitor.say("What time is it?", to: name)
      let time = try visitor.hear("What time is it?")
      report.end("clock", Self.finding(of: time, from: before, to: Clock.unixMilliseconds()))
    } catch {
      report.end("round trip", .fails(Self.failure(error, clearText: nil)))
      throw Stop()
    }
  }

  /// What a host's time says of the two clocks, given this machine's before and after it was asked.
  /// All are milliseconds since the Unix epoch.
  static func finding(of time: Int64?, from before: Int64, to after: Int64)
    -> SelftestReport.Finding
  {
    guard let time else { return .open(reason: "the host says no time", hint: nil) }
    // It was read somewhere in between, and its own digits end at milliseconds.
    let error = (after - before + 1) / 2 + 1
    let difference = time - (before + after) / 2
    let isAhead = difference > 0
    let size = abs(difference)
    if size <= error { return .holds("the same as here, within \(error) ms") }
    let words =
      "the host's is \(BenchTable.time(Double(size) * 1e6)) "
      + (isAhead ? "ahead of" : "behind") + " this one's, within \(error) ms"
    if size < tolerance { return .holds(words) }
    return .fails(
      SelftestCheck.Failure(
        words,
        hint: "set both by NTP (timedatectl): certificates and the times shown depend on them"))
  }

  /// Milliseconds that two clocks may be apart before somebody should look after them.
  private static let tolerance: Int64 = 30_000

  // MARK: Words

  private static func failure(
    _ failure: Visitor.Failure, clearText: String?
  ) -> SelftestCheck.Failure {
    switch failure {
    case .notConnected(.tls(_, let error)):
      SelftestCheck.Failure(
        "\(error)",
        hint:
          "is that port a netchat host? TLS 1.2 is the oldest it may speak, 1.3 in a secure room")
    case .notConnected(.silent), .late, .notConnected(.timedOut):
      SelftestCheck.Failure(
        "it takes connections and says nothing",
        hint: "is that port a netchat host? if it is, it may be stopped, or the line very slow")
    case .notConnected(.clearText):
      SelftestCheck.Failure("it speaks clear text, and nothing was said to it", hint: clearText)
    case .notConnected(.system(_, let error)):
      SelftestCheck.Failure(error.reason, hint: error.connectionHint)
    case .lost(let reason):
      SelftestCheck.Failure(
        reason, hint: "it may be full or shutting down, or no netchat host; try again later")
    case .notAHost(let reason):
      SelftestCheck.Failure(
        "it is no netchat host: \(reason)", hint: "another program has that port")
    case .unproven, .refused("Wrong password."):
      SelftestCheck.Failure(
        "wrong password, or someone is in the middle",
        hint: "type it again; if it is right do not go on: something in between ends the TLS "
          + "connection")
    case .refused("Too many attempts. Try again later."):
      SelftestCheck.Failure(
        "too many wrong passwords came from here", hint: "wait 10 s for each further try")
    case .refused("Room is full."):
      SelftestCheck.Failure("the room is full", hint: "come later, or see the host's --max-clients")
    case .refused(let reason):
      SelftestCheck.Failure("the host refuses: \(reason)", hint: "ask the host's operator")
    case .needsTLS, .unexpected: SelftestCheck.Failure(failure.reason)
    }
  }
}
