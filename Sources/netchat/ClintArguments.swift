import ChatClient
import OpenSSL
import Sockets

/// What `netchat clint` was asked to do.
struct ClintArguments: Equatable, Sendable {
  /// A name or an address, an IPv6 address without brackets; nil: to be asked for.
  let host: String?
  /// 1 to 65535; nil: to be asked for.
  let port: UInt16?
  /// The path of a unix socket, in the place of host and port.
  let unix: String?
  /// nil: the host gives one.
  let name: String?
  /// The longest wait for the connection and for the host; nil: for ever.
  let timeout: Duration?
  /// Past packets shown on joining.
  let history: Int
  let format: OutputFormat
  /// Whether a lost connection is tried for again.
  let reconnects: Bool
  /// One message to say instead of those of standard input.
  let say: String?
  /// A regular expression that has been compiled once.
  let expect: String?
  /// How long to wait for it; nil: for ever.
  let within: Duration?
  /// Whether standard input has packets instead of lines.
  let jsonInput: Bool
  /// What the prompt looks like, without its colours.
  let prompt: PromptSettings
  let color: Color
  /// Whether what is typed at the prompt is kept for the next time.
  let savesHistory: Bool
  /// The options given that mean a room with encryption, as they are written.
  let encryption: [String]
  /// Whether to speak TLS only.
  let tls: Bool
  /// Whether to join only a room that proves itself by the password.
  let secure: Bool
  let tlsInsecure: Bool
  /// A path.
  let cert: String?
  let fingerprint: Fingerprint?
  let password: Secret?
  /// A path.
  let passwordFile: String?
  let compat: Bool
  /// Whether to forget the host instead of joining its room.
  let forget: Bool

  /// When the prompt is coloured.
  enum Color: String, Sendable { case auto, always, never }

  /// The timeout for clocks.
  var timeoutNanoseconds: UInt64? { timeout.map(\.nanoseconds) }

  /// Fails where the operand and `--host` or `--port` say different things.
  init(_ arguments: ParsedArguments) throws(UsageError) {
    let unixOperand = arguments.operands.first?.endpoint.unixPath
    unix = unixOperand ?? arguments[ClintOption.unix]?.text
    if let unix, unixOperand != nil,
      [ClintOption.unix, ClintOption.host, ClintOption.port, ClintOption.forget].contains(
        where: arguments.isGiven)
    {
      throw UsageError(
        "unix:\(unix) stands alone",
        hint: "leave out --unix, --host, --port and --forget")
    }
    if let unix, unixOperand == nil, let endpoint = arguments.operands.first?.endpoint {
      throw UsageError(
        "the host is given twice: \(quoted(endpoint.host)) and --unix \(quoted(unix))",
        hint: "leave out one of them")
    }
    let optionPort = arguments[ClintOption.port]?.port
    if unix != nil {
      host = nil
      port = nil
    } else if let endpoint = arguments.operands.first?.endpoint {
      guard !arguments.isGiven(ClintOption.host) else {
        throw UsageError(
          "the host is given twice: \(quoted(endpoint.host)) and --host",
          hint: "leave out one of them")
      }
      if let port = endpoint.port, let optionPort, port != optionPort {
        throw UsageError(
          "the port is given twice: \(port) with the host and --port \(optionPort)",
          hint: "leave out one of them")
      }
      host = endpoint.host
      port = endpoint.port ?? optionPort
    } else {
      host = arguments[ClintOption.host]?.text
      port = optionPort
    }
    name = arguments[ClintOption.name]?.text
    timeout = arguments.value(of: ClintOption.timeout).timeout
    history =
      arguments.isGiven(ClintOption.noHistory)
      ? 0 : arguments.value(of: ClintOption.history).count
    reconnects = !arguments.isGiven(ClintOption.noReconnect)
    say = arguments[ClintOption.say]?.text
    expect = arguments[ClintOption.expect]?.text
    within = arguments.value(of: ClintOption.within).timeout
    jsonInput = arguments.isGiven(ClintOption.jsonInput)
    format = arguments.isGiven(ClintOption.json) ? .json : .text
    var prompt = PromptSettings()
    // The table allows no other values.
    prompt.timestamps =
      .init(rawValue: arguments.value(of: ClintOption.timestamps).text) ?? prompt.timestamps
    prompt.bell = .init(rawValue: arguments.value(of: ClintOption.bell).text) ?? prompt.bell
    prompt.showsJoins = arguments.value(of: ClintOption.joins).text == "on"
    self.prompt = prompt
    color = Color(rawValue: arguments.value(of: ClintOption.color).text) ?? .auto
    savesHistory = !arguments.isGiven(SharedOption.noSaveHistory)
    secure = arguments.isGiven(ClintOption.secure)
    tlsInsecure = arguments.isGiven(ClintOption.tlsInsecure)
    cert = arguments[ClintOption.cert]?.text
    password = arguments[SharedOption.password]?.secret
    passwordFile = arguments[SharedOption.passwordFile]?.text
    compat = arguments.isGiven(ClintOption.compat)
    forget = arguments.isGiven(ClintOption.forget)
    fingerprint = try arguments[ClintOption.fingerprint].map { value throws(UsageError) in
      guard let fingerprint = Fingerprint(value.text) else {
        throw UsageError(
          "\(quoted(value.text)) is not a fingerprint",
          hint: "give SHA256: and base64, or 32 pairs of hexadecimal digits with colons")
      }
      return fingerprint
    }
    // What names the certificate to expect asks for TLS as well.
    let certificates = [
      ClintOption.tls, ClintOption.tlsInsecure, ClintOption.cert, ClintOption.fingerprint,
    ]
    let passwords = [ClintOption.secure, SharedOption.password, SharedOption.passwordFile]
    tls = certificates.contains(where: arguments.isGiven)
    encryption = (certificates + passwords).filter(arguments.isGiven).map { "--\($0.name)" }
    try check()
  }

  private func check() throws(UsageError) {
    if let say, say.unicodeScalars.allSatisfy(\.properties.isWhitespace) {
      throw UsageError("--say is given nothing to say", hint: "a message has more than white space")
    }
    guard let expect else { return }
    do throws(RegularExpression.Failure) {
      _ = try RegularExpression(expect)
    } catch {
      throw UsageError(
        "\(quoted(expect)) is not a regular expression: \(error.reason)",
        hint: "give a POSIX extended one, as grep -E takes it")
    }
  }

  /// What is said in the room.
  var input: Script.Input {
    if say != nil || expect != nil { return .text(say) }
    return jsonInput ? .packets : .lines
  }

  /// What is waited for, made anew.
  var expectation: Expectation? {
    // It has been checked.
    expect.flatMap { try? Expectation($0) }
  }
}
