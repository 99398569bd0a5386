import ChatClient
import ChatCore
import Glibc
import Sockets
import Terminal

/// Runs `netchat clint`; returns the exit status.
func runClint(_ arguments: ClintArguments) -> Int32 {
  ClintCommand(arguments).run().rawValue
}

/// Joins a room and converses until one side ends.
private struct ClintCommand {
  private let arguments: ClintArguments

  init(_ arguments: ClintArguments) { self.arguments = arguments }

  /// What has been said to whoever started the program.
  private struct Stop: Error { let status: ExitStatus }

  func run() -> ExitStatus {
    do throws(Stop) {
      return try join()
    } catch {
      return error.status
    }
  }

  /// Forgets a host, which may be gone: nothing is looked up.
  private func forget() -> ExitStatus {
    guard let host = arguments.host, let port = arguments.port else {
      Diagnostics.report(
        "--forget needs the host and the port", hint: "netchat clint --forget HOST:PORT")
      return .usage
    }
    do throws(KnownHosts.Failure) {
      let known = KnownHosts.standardPath.map { KnownHosts(path: $0) }
      let wasKnown = try known?.forget(host: host, port: port) ?? false
      let place = Address.join(host: host, port: port)
      Diagnostics.write(
        wasKnown ? "Forgot \(place).\n" : "Nothing is remembered of \(place).\n",
        to: STDOUT_FILENO)
      return .success
    } catch {
      Diagnostics.report("\(error)")
      return .failure
    }
  }

  private func join() throws(Stop) -> ExitStatus {
    if arguments.forget { return forget() }
    var questions = Questions(limit: Limits.clientLine, format: arguments.format)
    let (host, addresses) = try findHost(&questions)
    let visit: Visit
    do throws(VisitError) {
      visit = try Visit(
        arguments, host: host, port: addresses[0].port, interactive: questions.isInteractive)
    } catch {
      throw Stop(status: error.report())
    }
    return try hasPrompt
      ? converseAtPrompt(visit, addresses, &questions) : playScript(visit, addresses, &questions)
  }

  /// Whether somebody sits at a terminal that can have a prompt.
  private var hasPrompt: Bool {
    guard arguments.format == .text, case .lines = arguments.input, isTerminal(STDIN_FILENO),
      isTerminal(STDOUT_FILENO)
    else { return false }
    return Machine.environment("TERM").map { $0 != "dumb" } ?? false
  }

  private func take(_ signals: [Int32]) throws(Stop) -> Signals {
    do throws(SystemError) {
      return try Signals(taking: signals)
    } catch {
      Diagnostics.report("cannot go on: \(error)")
      throw Stop(status: .failure)
    }
  }

  private func playScript(
    _ visit: Visit, _ addresses: [Address], _ questions: inout Questions
  ) throws(Stop) -> ExitStatus {
    let signals = try take(Client.endingSignals)
    let expectation = arguments.expectation
    let front = PlainFront(arguments.format == .json ? .json : .lines, only: expectation) {
      Diagnostics.report($0)
    }
    var client = Client(
      settings(isInteractive: questions.isInteractive), visit.connector, to: addresses,
      front: front,
      decide: { visit.decide($0, &$1) }, admitted: { visit.admitted(isSecure: $0) })
    var script = Script(
      front, saying: arguments.input, expecting: expectation,
      within: arguments.within?.nanoseconds)
    while true {
      let ending = script.run(&client, &questions.input, signals)
      guard case .needs(let need) = ending else {
        return report(ending, unsettled: client.unsettledCount + client.unknownCount, visit)
      }
      if let status = visit.settle(need, &questions) { return status }
      client.retryNow()
    }
  }

  private func converseAtPrompt(
    _ visit: Visit, _ addresses: [Address], _ questions: inout Questions
  ) throws(Stop) -> ExitStatus {
    let signals = try take(Dialogue.signals)
    var look = arguments.prompt
    look.isColored =
      switch arguments.color {
      case .always: true
      case .never: false
      case .auto: Machine.environment("NO_COLOR") == nil
      }
    let front = PromptFront(look)
    var settings = settings(isInteractive: true)
    settings.endingSignals = Dialogue.endingSignals
    let client = Client(
      settings, visit.connector, to: addresses, front: front,
      decide: { visit.decide($0, &$1) }, admitted: { visit.admitted(isSecure: $0) })
    let dialogue = Dialogue(client, front, look, history: history, signals)
    while true {
      let ending = dialogue.run()
      guard case .needs(let need) = ending else {
        return report(ending, unsettled: dialogue.unsettledCount, visit)
      }
      if let status = visit.settle(need, &questions) {
        dialogue.close()
        return status
      }
      dialogue.retryNow()
    }
  }

  /// Where what is typed at the prompt is kept; nil for nowhere.
  private var history: InputHistory? {
    guard arguments.savesHistory, let known = KnownHosts.standardPath else { return nil }
    return InputHistory(path: File.directory(of: known) + "/history")
  }

  /// Asks for what the command line left out, and finds the host's addresses.
  private func findHost(_ questions: inout Questions) throws(Stop) -> (String, [Address]) {
    if let path = arguments.unix { return ("localhost", [try unixAddress(path)]) }
    var addresses: [Address]
    var name = arguments.host ?? ""
    if let host = arguments.host {
      do throws(UsageError) {
        addresses = try resolve(host)
      } catch {
        Diagnostics.report(error)
        throw Stop(status: .usage)
      }
    } else {
      addresses = []
    }
    do throws(Questions.Unanswered) {
      if addresses.isEmpty {
        addresses = try questions.ask("Enter the IP address of the server: ") {
          answer throws(UsageError) in
          name = try readHost(answer)
          return try resolve(name)
        }
      }
      let port =
        if let port = arguments.port { port } else {
          try questions.askPort(
            "Enter the port you want to connect to: ", kind: .port(allowZero: false))
        }
      for index in addresses.indices { addresses[index].port = port }
      return (name, addresses)
    } catch {
      throw Stop(status: .failure)
    }
  }

  private func unixAddress(_ path: String) throws(Stop) -> Address {
    do throws(SystemError) {
      return try Address(unixPath: path)
    } catch {
      Diagnostics.report(
        "\(quoted(path)) cannot be a unix socket: \(error.reason)",
        hint: "a unix socket's path has at most 107 bytes")
      throw Stop(status: .usage)
    }
  }

  private func readHost(_ answer: String) throws(UsageError) -> String {
    do throws(ValueProblem) {
      return try ValueKind.host.read(answer).text
    } catch {
      throw UsageError(
        "\(quoted(answer)) is not a host: \(error.problem)",
        hint: error.hint ?? ValueKind.host.allowed)
    }
  }

  private func resolve(_ host: String) throws(UsageError) -> [Address] {
    do throws(ResolutionError) {
      return try Address.resolve(host, port: 0)
    } catch {
      throw UsageError(
        "cannot find \(quoted(host)): \(error.reason)",
        hint: "give a name that resolves, or an address, such as localhost, 192.0.2.1 or ::1")
    }
  }

  private func settings(isInteractive: Bool) -> Client.Settings {
    let draw: @Sendable () -> SenderID? = { SenderID(random: Machine.randomBytes(16)) }
    // 16 random bytes always make an id of 32 characters.
    guard let sid = draw() else { preconditionFailure("16 bytes make a sender's id") }
    var session = ClientSession.Settings(
      name: arguments.name, loginName: Machine.loginName ?? "clint", sid: sid, nextSenderID: draw)
    session.history = arguments.history
    session.decidesAlways = true
    var settings = Client.Settings(session)
    if arguments.reconnects {
      var reconnection = Reconnection.Settings()
      reconnection.patience = isInteractive ? nil : Self.patience
      settings.reconnection = reconnection
      settings.outlivesHost = isInteractive
    }
    return settings
  }

  /// How long a script tries to have its connection again, in nanoseconds: a host may be started anew
  /// meanwhile, but nobody is there to see that it is gone.
  private static let patience: UInt64 = 300_000_000_000

  /// As below; what it ended by says nothing about what was on its way.
  private func report(_ ending: Client.Ending, unsettled: Int, _ visit: Visit) -> ExitStatus {
    let status = report(ending, visit)
    guard status == .failure, unsettled > 0 else { return status }
    return report(.deliveryUnknown(messages: unsettled), visit)
  }

  /// Says how it ended, where that is not plain to see, and returns the status for it.
  private func report(_ ending: Client.Ending, _ visit: Visit) -> ExitStatus {
    switch ending {
    case .notConnected(let failure): return report(failure, visit)
    case .needs, .interrupted, .outputGone, .notSaid: return .failure
    case .unproven:
      Diagnostics.report("Authentication failed: wrong password, or someone is in the middle.")
      return .failure
    case .done: return .success
    case .refused(let reason, let hint):
      Diagnostics.report(reason, hint: hint)
      return .failure
    case .closed(let reason):
      Diagnostics.report("connection closed by remote host" + (reason.map { ": \($0)" } ?? ""))
      return .connectionLost
    case .lost(let reason):
      Diagnostics.report("the connection is lost: \(reason)")
      return .connectionLost
    case .notMatched:
      Diagnostics.report("no message matched in time")
      return .expectTimedOut
    case .deliveryUnknown(let messages):
      Diagnostics.report(
        "it is not known whether the last \(messages == 1 ? "message" : "\(messages) messages")"
          + " arrived",
        hint: "the connection ended before the room had sent them back")
      return .deliveryUnknown
    }
  }

  private func report(_ failure: Connector.Failure, _ visit: Visit) -> ExitStatus {
    switch failure {
    case .timedOut(let address):
      Diagnostics.report(
        "cannot connect to \(address): no answer in time",
        hint: "check the address, and whether a firewall is in between; try --timeout")
    case .silent:
      Diagnostics.report(
        "the host did not answer in time", hint: "is that port a netchat host? try --timeout")
    case .system(let address, let error):
      Diagnostics.report(
        "cannot connect to \(address): \(error.reason)", hint: error.connectionHint)
    case .tls(let address, let error):
      Diagnostics.report("cannot speak TLS with \(address): \(error)", hint: visit.hint(for: error))
    case .clearText(let address):
      Diagnostics.report(
        "the room at \(address) is not encrypted, and nothing was said to it",
        hint: visit.hintForClearText)
    }
    return .failure
  }
}
