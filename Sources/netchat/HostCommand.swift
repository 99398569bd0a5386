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

  init(_ arguments: HostArguments) { self.arguments = arguments }

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
    let bindAddresses = try resolve()
    var questions = Questions(limit: Limits.clientLine, format: arguments.format)
    let (port, isSecure) = try ask(&questions)
    if isSecure || arguments.password != nil || arguments.passwordFile != nil {
      Diagnostics.report(
        "this version cannot encrypt yet; no room was opened",
        hint: "--plain opens one in clear text")
      throw Stop(status: .failure)
    }
    let descriptors = Machine.raiseDescriptorLimit()
    let listeners = try listen(bindAddresses, port: port)
    do throws(SystemError) {
      let signals = try Signals(taking: [SIGINT, SIGTERM, SIGHUP])
      let host = try Host(configuration(descriptors: descriptors))
      announce(listeners[0].address.port)
      let screen = Screen(
        host, format: arguments.format == .json ? .json : .lines, output: STDOUT_FILENO)
      let threads = try host.start(on: listeners)
      _ = try OperatingThread(name: "screen") { screen.run() }
      let console = Console(host, signals: signals) { Diagnostics.report($0) }
      try console.run(questions.input)
      host.close()
      for thread in threads { thread.join() }
      return .success
    } catch {
      Diagnostics.report("cannot go on: \(error)")
      throw Stop(status: .failure)
    }
  }

  private func resolve() throws(Stop) -> [Address] {
    guard let bind = arguments.bind else {
      return [Address(.anyIPv6, port: 0), Address(.anyIPv4, port: 0)]
    }
    do throws(ResolutionError) {
      return [try Address.resolve(bind, port: 0, listening: true)[0]]
    } catch {
      Diagnostics.report(
        "cannot find \(quoted(bind)): \(error.reason)",
        hint: "--bind takes an address of this machine, such as 127.0.0.1")
      throw Stop(status: .usage)
    }
  }

  /// What the command line left out; of a pipe only where the port is missing.
  private func ask(_ questions: inout Questions) throws(Stop) -> (port: UInt16, isSecure: Bool) {
    do throws(Questions.Unanswered) {
      let port =
        if let port = arguments.port { port } else {
          try questions.askPort(
            "Enter the port you want to listen on: ", kind: .port(allowZero: true))
        }
      var isSecure = arguments.security == .secure || arguments.security == .tls
      if arguments.security == nil, questions.isInteractive || arguments.port == nil {
        isSecure = try questions.askYesOrNo("Encrypt the communication? [y/N]: ")
      }
      return (port, isSecure)
    } catch {
      throw Stop(status: .failure)
    }
  }

  private func listen(_ addresses: [Address], port: UInt16) throws(Stop) -> [Listener] {
    var failure: SystemError?
    for var address in addresses {
      address.port = port
      do throws(SystemError) {
        // The IPv6 wildcard takes IPv4 as well; where there is no IPv6 the next address does.
        return [try Listener(on: address)]
      } catch {
        failure = error
        if error.code == EADDRINUSE || error.code == EACCES { break }
      }
    }
    let place = Address.join(host: arguments.bind ?? "127.0.0.1", port: port)
    let hint: String? =
      switch failure?.code {
      case EADDRINUSE: "another host may be running; try --port"
      case EACCES: "ports below 1024 need privileges; try --port 12345"
      case EADDRNOTAVAIL: "--bind takes an address of this machine, such as 127.0.0.1"
      default: nil
      }
    Diagnostics.report("cannot listen on \(place): \(failure?.reason ?? "no address")", hint: hint)
    throw Stop(status: .failure)
  }

  private func configuration(descriptors: Int) -> Host.Configuration {
    let id = Machine.randomBytes(16).map { byte in
      let digits = String(byte, radix: 16)
      return digits.utf8.count == 1 ? "0" + digits : digits
    }.joined()
    var key = Machine.randomBytes(32)
    let secret = Secret(wiping: &key)
    let tokenKey = TokenKey { try? Digest.hmacSHA256(key: secret, $0.span) }
    var room = Room.Settings(id: id, tokenKey: tokenKey)
    room.history = arguments.history
    // Some descriptors are for listeners, pollers, the terminal, and those being turned away.
    room.maxMembers = arguments.maxClients ?? max(1, descriptors - 64)
    var configuration = Host.Configuration(room: room)
    configuration.maxLag = arguments.maxLag
    configuration.rate = arguments.rate ?? 0
    configuration.threads = arguments.threads ?? min(8, Machine.processors)
    return configuration
  }

  /// Says where the room is.
  private func announce(_ port: UInt16) {
    let place = Address.join(host: arguments.bind ?? "127.0.0.1", port: port)
    switch arguments.format {
    case .json:
      var writer = PacketWriter()
      writer.begin("host")
      writer.key(",\"event\":\"listening\",\"address\":")
      writer.string(arguments.bind ?? "127.0.0.1")
      writer.key(",\"port\":")
      writer.integer(Int64(port))
      writer.key(",\"secure\":false")
      writer.end()
      Diagnostics.write(String(decoding: writer.bytes, as: UTF8.self), to: STDOUT_FILENO)
    case .text:
      var lines = "Listening on \(place)... (Ctrl-C to stop)\nSecurity mode: PLAINTEXT\n"
      if isTerminal(STDOUT_FILENO) {
        lines += "Join: netchat clint --host \(joinAddress) --port \(port)\n"
      }
      Diagnostics.write(lines, to: STDOUT_FILENO)
    }
  }

  /// An address under which others reach this machine.
  private var joinAddress: String {
    if let bind = arguments.bind { return bind }
    let addresses = Machine.addresses
    return (addresses.first { $0.bytes.count == 4 } ?? addresses.first)?.host ?? "127.0.0.1"
  }
}
