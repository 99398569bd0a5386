import ChatClient
import ChatCore
import Glibc
import Sockets

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

  private func join() throws(Stop) -> ExitStatus {
    var questions = Questions(limit: Limits.clientLine, format: arguments.format)
    let addresses = try findHost(&questions)
    do throws(SystemError) {
      let signals = try Signals(taking: [SIGINT, SIGTERM, SIGHUP])
      let outcome: Outcome
      do throws(Connector.Failure) {
        let connected = try Connector.connect(
          to: addresses, timeout: arguments.timeoutNanoseconds, signals: signals)
        let address = connected.address
        let client = Client(
          settings(), over: connected.takeSocket(), to: address, signals: signals,
          format: arguments.format == .json ? .json : .lines,
          timeout: arguments.timeoutNanoseconds, report: { Diagnostics.report($0) })
        outcome = .ended(client.run(questions.input))
      } catch {
        outcome = .notConnected(error)
      }
      return report(outcome)
    } catch {
      Diagnostics.report("cannot go on: \(error)")
      throw Stop(status: .failure)
    }
  }

  private enum Outcome {
    case notConnected(Connector.Failure)
    case ended(Client.Ending)
  }

  /// Asks for what the command line left out, and finds the host's addresses.
  private func findHost(_ questions: inout Questions) throws(Stop) -> [Address] {
    var addresses: [Address]
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
          try resolve(try readHost(answer))
        }
      }
      let port =
        if let port = arguments.port { port } else {
          try questions.askPort(
            "Enter the port you want to connect to: ", kind: .port(allowZero: false))
        }
      for index in addresses.indices { addresses[index].port = port }
      return addresses
    } catch {
      throw Stop(status: .failure)
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

  private func settings() -> ClientSession.Settings {
    // 16 random bytes always make an id of 32 characters.
    guard let sid = SenderID(random: Machine.randomBytes(16)) else {
      preconditionFailure("16 bytes make a sender's id")
    }
    var settings = ClientSession.Settings(
      name: arguments.name, loginName: Machine.loginName ?? "clint", sid: sid)
    settings.history = arguments.history
    return settings
  }

  /// Says how it ended, where that is not plain to see, and returns the status for it.
  private func report(_ outcome: Outcome) -> ExitStatus {
    switch outcome {
    case .notConnected(.interrupted): return .failure
    case .notConnected(.timedOut(let address)):
      Diagnostics.report(
        "cannot connect to \(address): no answer in time",
        hint: "check the address, and whether a firewall is in between; try --timeout")
      return .failure
    case .notConnected(.system(let address, let error)):
      Diagnostics.report("cannot connect to \(address): \(error.reason)", hint: hint(for: error))
      return .failure
    case .ended(.done): return .success
    case .ended(.outputGone): return .failure
    case .ended(.refused(let reason, let hint)):
      Diagnostics.report(reason, hint: hint)
      return .failure
    case .ended(.closed):
      Diagnostics.report("connection closed by remote host")
      return .connectionLost
    case .ended(.deliveryUnknown(let messages)):
      Diagnostics.report(
        "it is not known whether the last \(messages == 1 ? "message" : "\(messages) messages")"
          + " arrived",
        hint: "the connection ended before the room had sent them back")
      return .deliveryUnknown
    }
  }

  private func hint(for error: SystemError) -> String? {
    switch error.code {
    case ECONNREFUSED: "no host listens there: is it running, and is the port right?"
    case ENETUNREACH, EHOSTUNREACH: "check the address and this machine's network"
    default: nil
    }
  }
}
