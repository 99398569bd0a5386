import ChatCore
import ChatHost
import Glibc
import OpenSSL
import Sockets

/// Runs `netchat host`; returns the exit status.
func runHost(_ arguments: HostArguments) -> Int32 {
  HostCommand(arguments).run().rawValue
}

/// Opens a room and serves it until it is told to end.
private struct HostCommand {
  private let arguments: HostArguments
  private let passwords: PasswordSource

  init(_ arguments: HostArguments) {
    self.arguments = arguments
    passwords = PasswordSource(argument: arguments.password, file: arguments.passwordFile)
  }

  /// What has been said to whoever started the program.
  private struct Stop: Error { let status: ExitStatus }

  func run() -> ExitStatus {
    do throws(Stop) {
      return try open()
    } catch {
      return error.status
    }
  }

  private func open() throws(Stop) -> ExitStatus {
    let listening = try opened { () throws(HostListening.Failure) in
      try HostListening(arguments)
    }
    var questions = Questions(limit: Limits.clientLine, format: arguments.format)
    let (port, security) = try ask(&questions, hasSockets: listening.hasSockets)
    let record = try RoomRecord.open(arguments.log, history: arguments.history, security) {
      stop($0, hint: $1)
    }
    let certificate = security == .plain ? nil : try certificate()
    let keys = security == .secure ? try roomKeys(&questions, record.head) : nil
    let descriptorLimit = Machine.raiseDescriptorLimit()
    if security != .plain { Machine.expectLargeBlocks() }
    let listeners = try opened { () throws(HostListening.Failure) in
      try listening.room(port: port)
    }
    defer { for listener in listeners { listener.removeFile() } }
    let metrics = try opened { () throws(HostListening.Failure) in try listening.metrics() }
    let operatorLog = try operatorLog()
    let budget = DescriptorBudget(
      limit: descriptorLimit, open: Machine.lowestFreeDescriptor ?? descriptorLimit,
      threads: threads, metrics: metrics != nil)
    guard descriptorLimit >= budget.least else {
      throw stop(
        "the limit on open files is \(descriptorLimit): this room needs \(budget.least) at the least",
        hint: "raise it (ulimit -n), or take fewer --threads")
    }
    var configuration = configuration(budget, record.head, operatorLog: operatorLog)
    configuration.room.keys = keys?.secrets
    configuration.room.sid = record.head.sid
    configuration.report = { Diagnostics.report($0) }
    configuration.log = try record.begin(keys?.secrets) { stop($0, hint: $1) }
    do throws(OpenSSLError) {
      configuration.tls = try certificate.map { certificate throws(OpenSSLError) in
        try TLSContext(
          serving: certificate,
          // A secure room binds its password to the connection as only TLS 1.3 names it.
          minimum: security == .secure || arguments.minimumTLS == .tls13 ? .tls13 : .tls12)
      }
    } catch {
      throw stop("\(error)", hint: "netchat gencert makes a certificate and its key")
    }
    do throws(SystemError) {
      let host = try Host(configuration)
      announce(
        listeners, security, places: configuration.room.maxMembers,
        generatedPassword: keys?.generatedPassword)
      try HostOperation(host, arguments, configuration.operatorLog).run(
        on: listeners, metrics: metrics, questions.input)
      guard let failure = host.fatalLogFailure else { return .success }
      Diagnostics.report(
        "cannot write the log \(arguments.log?.path ?? ""): \(failure.reason)",
        hint: "started again with room for it, the host goes on where it stopped")
      return .failure
    } catch {
      throw stop("cannot go on: \(error)", hint: nil)
    }
  }

  private func stop(_ message: String, hint: String?, _ status: ExitStatus = .failure) -> Stop {
    Diagnostics.report(message, hint: hint)
    return Stop(status: status)
  }

  // MARK: Certificate and password

  /// The certificate that the options name, or one made in memory: a secure room needs no more, for
  /// the password proves the host.
  private func certificate() throws(Stop) -> Certificate {
    let now = Clock.unixMilliseconds() / 1_000
    if let file = arguments.cert, let key = arguments.key {
      do throws(OpenSSLError) {
        return try Certificate(certificateFile: file, keyFile: key, now: now)
      } catch {
        throw stop("\(error)", hint: "netchat gencert makes a certificate and its key")
      }
    }
    do throws(OpenSSLError) {
      return try Certificate.selfSigned(
        keyType: .ecdsaP256, names: ["localhost", "127.0.0.1", "::1"], days: 3_650, now: now)
    } catch {
      throw stop("cannot make a certificate: \(error)", hint: nil)
    }
  }

  private struct Keys {
    let secrets: RoomSecrets
    let generatedPassword: String?
  }

  /// The room's password, and its words if it was drawn.
  private func password(_ questions: inout Questions) throws(Stop) -> (Secret, String?) {
    if arguments.generatesPassword {
      do throws(OpenSSLError) {
        let password = try GeneratedPassword.draw()
        let words = password.withSpan { span in
          var bytes: [UInt8] = []
          bytes.append(span)
          return String(decoding: bytes, as: UTF8.self)
        }
        return (password, words)
      } catch {
        throw stop("cannot draw a password: \(error)", hint: nil)
      }
    }
    do throws(PasswordSource.Failure) {
      return (
        try passwords.password(for: .host) { question in questions.pipedPassword(question) }, nil
      )
    } catch {
      throw Stop(status: error.report())
    }
  }

  private func roomKeys(_ questions: inout Questions, _ head: LogHead) throws(Stop) -> Keys {
    Machine.keepMemoryPrivate()
    let (password, generated) = try password(&questions)
    do throws(OpenSSLError) {
      let secrets = try RoomSecrets(
        password: password, salt: head.salt ?? Machine.randomBytes(16), room: head.room,
        admitsVersionOne: arguments.compat)
      return Keys(secrets: secrets, generatedPassword: generated)
    } catch {
      throw stop("cannot make the room's keys: \(error)", hint: nil)
    }
  }

  /// What the command line left out; of a pipe only where the port is missing.
  private func ask(
    _ questions: inout Questions, hasSockets: Bool
  ) throws(Stop) -> (port: UInt16, security: HostArguments.Security) {
    do throws(Questions.Unanswered) {
      let port: UInt16 =
        if let port = arguments.port { port } else if hasSockets { 0 } else {
          try questions.askPort(
            "Enter the port you want to listen on: ", kind: .port(allowZero: true))
        }
      if let security = arguments.security { return (port, security) }
      // Answers on a pipe stand in the order of the questions, whatever is given.
      let isAnswered = !questions.isInteractive && arguments.port == nil && !hasSockets
      if passwords.isGiven, !isAnswered { return (port, .secure) }
      guard questions.isInteractive || isAnswered else { return (port, .plain) }
      let encrypts = try questions.askYesOrNo("Encrypt the communication? [y/N]: ")
      return (port, encrypts ? .secure : .plain)
    } catch {
      throw Stop(status: .failure)
    }
  }

  /// Opens what the host listens on, or says why that cannot be.
  private func opened<R>(_ open: () throws(HostListening.Failure) -> R) throws(Stop) -> R {
    do throws(HostListening.Failure) {
      return try open()
    } catch {
      throw stop(error.message, hint: error.hint, error.status)
    }
  }

  private func operatorLog() throws(Stop) -> OperatorLog? {
    do throws(SystemError) {
      return try HostOperation.operatorLog(arguments)
    } catch {
      throw stop("cannot go on: \(error)", hint: nil)
    }
  }

  private func configuration(
    _ budget: DescriptorBudget, _ head: LogHead, operatorLog: OperatorLog?
  ) -> Host.Configuration {
    let id = Hexadecimal.encode(head.room)
    var key = head.tokenKey
    let secret = Secret(wiping: &key)
    let tokenKey = TokenKey { try? Digest.hmacSHA256(key: secret, $0.span) }
    var room = Room.Settings(id: id, tokenKey: tokenKey)
    room.history = arguments.history
    room.maxMembers = places(budget.members)
    var configuration = Host.Configuration(room: room)
    configuration.maxConnections = budget.connections
    configuration.operatorLog = operatorLog
    configuration.showsEvents = arguments.format == .json && !arguments.isQuiet
    configuration.maxLag = arguments.maxLag
    // The protocol bounds the wait, however patient the host is.
    configuration.admissionTime = min(
      arguments.timeout?.nanoseconds ?? .max, Limits.admissionTime)
    configuration.rate = arguments.rate ?? 0
    configuration.threads = threads
    return configuration
  }

  private var threads: Int { arguments.threads ?? min(8, Machine.processors) }

  /// Members at a time.
  private func places(_ fitting: Int) -> Int {
    guard let wished = arguments.maxClients else { return fitting }
    if wished > fitting {
      Diagnostics.report(
        "\(wished) clients do not fit: the limit on open files leaves places for \(fitting)",
        hint: "the others wait until somebody leaves; raise the hard limit (ulimit -Hn)")
    }
    return wished
  }

  /// Says where the room is.
  private func announce(
    _ listeners: [Listener], _ security: HostArguments.Security, places: Int,
    generatedPassword: String?
  ) {
    let first = listeners[0].address
    let port = first.port
    // A wildcard is shown as an address that works here.
    let host = first.unixPath ?? arguments.bind ?? (first.isWildcard ? "127.0.0.1" : first.host)
    let others = listeners.dropFirst().map(\.address.description)
    switch arguments.format {
    case .json:
      var writer = PacketWriter()
      writer.begin("host")
      writer.key(",\"event\":\"listening\",\"address\":")
      writer.string(host)
      writer.key(",\"port\":")
      writer.integer(Int64(port))
      if !others.isEmpty {
        writer.key(",\"also\":[")
        for (index, other) in others.enumerated() {
          if index > 0 { writer.key(",") }
          writer.string(other)
        }
        writer.key("]")
      }
      writer.key(",\"secure\":")
      writer.bool(security == .secure)
      writer.key(",\"max_clients\":")
      writer.integer(Int64(places))
      if let generatedPassword {
        writer.key(",\"password\":")
        writer.string(generatedPassword)
      }
      writer.end()
      Diagnostics.write(String(decoding: writer.bytes, as: UTF8.self), to: STDOUT_FILENO)
    case .text:
      let mode =
        switch security {
        case .plain: "PLAINTEXT"
        case .tls: "TLS"
        case .secure: "ENCRYPTED"
        }
      let place = first.isUnix ? first.description : Address.join(host: host, port: port)
      var lines = "Listening on \(place)... (Ctrl-C to stop)\n"
      lines += "Security mode: \(mode)\n"
      for other in others { lines += "Also on \(other)\n" }
      if arguments.compat {
        lines += "Version 1 clients are let in: whoever breaks TLS learns the password from them.\n"
      }
      if let generatedPassword { lines += "Password: \(generatedPassword)\n" }
      if !first.isUnix, isTerminal(STDOUT_FILENO) || generatedPassword != nil {
        lines += "Join: netchat clint --host \(joinAddress) --port \(port)\n"
      }
      if isTerminal(STDOUT_FILENO) { lines += "Places: \(places) (--max-clients)\n" }
      Diagnostics.write(lines, to: STDOUT_FILENO)
    }
  }

  /// An address under which others reach this machine.
  private var joinAddress: String {
    if let bind = arguments.bind, !["0.0.0.0", "::", "[::]"].contains(bind) { return bind }
    let addresses = Machine.addresses
    return (addresses.first { $0.bytes.count == 4 } ?? addresses.first)?.host ?? "127.0.0.1"
  }
}
