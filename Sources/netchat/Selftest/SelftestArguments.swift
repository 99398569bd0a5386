/// What `netchat selftest` was asked to do.
struct SelftestArguments: Equatable, Sendable {
  enum Task: Equatable, Sendable {
    /// Looks at this build on this machine.
    case check
    /// Looks at the way to a host, a name or an address.
    case diagnose(host: String, port: UInt16, passwordFile: String?)
    /// Measures rooms with up to so many clients.
    case bench(clients: Int, seconds: Duration, isSecure: Bool)
  }

  let task: Task
  let format: OutputFormat

  /// The port of README's and the prompt's examples, where none is given.
  static let standardPort: UInt16 = 12345

  init(_ arguments: ParsedArguments) throws(UsageError) {
    format = arguments.isGiven(SelftestOption.json) ? .json : .text
    let isBench = arguments.isGiven(SelftestOption.bench)
    guard let endpoint = arguments.operands.first?.endpoint else {
      if arguments.isGiven(SelftestOption.passwordFile) {
        throw UsageError(
          "--password-file needs the host whose room has that password",
          hint: "add HOST[:PORT]")
      }
      task =
        isBench
        ? .bench(
          clients: arguments.value(of: SelftestOption.clients).count,
          // Zero would measure nothing.
          seconds: arguments.value(of: SelftestOption.seconds).timeout ?? .seconds(1),
          isSecure: arguments.isGiven(SelftestOption.secure))
        : .check
      return
    }
    if isBench {
      throw UsageError(
        "--bench measures rooms on this machine, not \(quoted(endpoint.host))",
        hint: "leave out one of them")
    }
    task = .diagnose(
      host: endpoint.host, port: endpoint.port ?? Self.standardPort,
      passwordFile: arguments[SelftestOption.passwordFile]?.text)
  }
}
