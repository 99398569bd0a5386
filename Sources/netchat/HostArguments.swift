import ChatHost
import OpenSSL

/// What `netchat host` was asked to do.
struct HostArguments: Equatable, Sendable {
  enum Security: Equatable, Sendable {
    /// No encryption.
    case plain
    /// TLS, no password.
    case tls
    /// TLS, a password and sealed messages.
    case secure
  }

  /// A name or an address, an IPv6 address without brackets; nil: every address.
  let bind: String?
  /// 0: a free one; nil: to be asked for.
  let port: UInt16?
  /// How long a client's admission may take; nil: as long as the protocol allows.
  let timeout: Duration?
  /// nil: not said.
  let security: Security?
  let password: Secret?
  /// A path.
  let passwordFile: String?
  /// A path; given if and only if `key` is.
  let cert: String?
  /// A path.
  let key: String?
  /// Past packets kept.
  let history: Int
  /// nil: as many as the limit on open files allows.
  let maxClients: Int?
  /// Bytes that a client may be behind.
  let maxLag: Int
  /// Messages a second from each client; nil: no limit.
  let rate: Int?
  /// nil: one a core, at most 8.
  let threads: Int?
  /// Where the room is written down; nil for nowhere.
  let log: LogFile.Settings?
  let format: OutputFormat
  /// The path of a unix socket to listen on too.
  let unix: String?
  /// Who may connect to it: permissions of its file.
  let unixMode: UInt32
  /// Where the metrics are asked for; nil: nowhere.
  let metrics: Endpoint?
  /// Neither the room nor the log is shown.
  let isQuiet: Bool
  /// Whether what is typed at the prompt is kept for the next time.
  let savesHistory: Bool
  let compat: Bool
  let generatesPassword: Bool
  let minimumTLS: TLSContext.MinimumVersion

  init(_ arguments: ParsedArguments) throws(UsageError) {
    bind = arguments[HostOption.bind]?.text
    port = arguments[HostOption.port]?.port
    timeout = arguments.value(of: HostOption.timeout).timeout
    security =
      if ([HostOption.secure] + HostOption.impliesSecure).contains(where: arguments.isGiven) {
        .secure
      } else if arguments.isGiven(HostOption.tls) {
        .tls
      } else if arguments.isGiven(HostOption.plain) {
        .plain
      } else {
        nil
      }
    password = arguments[SharedOption.password]?.secret
    passwordFile = arguments[SharedOption.passwordFile]?.text
    cert = arguments[HostOption.cert]?.text
    key = arguments[HostOption.key]?.text
    history = arguments.value(of: HostOption.history).count
    maxClients = arguments[HostOption.maxClients]?.count
    maxLag = arguments.value(of: HostOption.maxLag).count
    let rate = arguments.value(of: HostOption.rate).count
    self.rate = rate == 0 ? nil : rate
    threads = arguments[HostOption.threads]?.count
    log = arguments[HostOption.log].map { path in
      var log = LogFile.Settings(path: path.text)
      log.syncs = arguments.isGiven(HostOption.sync)
      log.onFailure =
        arguments.value(of: HostOption.logFailure).text == "continue" ? .goOn : .stop
      log.maxSize = arguments[HostOption.logMaxSize].map { UInt64($0.count) }
      return log
    }
    format = arguments.isGiven(HostOption.json) ? .json : .text
    unix = arguments[HostOption.unix]?.text
    // The table's kind allows octal digits alone.
    unixMode = UInt32(arguments.value(of: HostOption.unixMode).text, radix: 8) ?? 0o600
    metrics = arguments[HostOption.metrics]?.endpoint
    isQuiet = arguments.isGiven(HostOption.quiet)
    savesHistory = !arguments.isGiven(SharedOption.noSaveHistory)
    compat = arguments.isGiven(HostOption.compat)
    generatesPassword = arguments.isGiven(HostOption.generatePassword)
    minimumTLS =
      arguments.value(of: HostOption.minimumTLS).text == "1.2" ? .tls12 : .tls13
    if security == .secure, minimumTLS == .tls12 {
      throw UsageError(
        "a secure room takes TLS 1.3 only",
        hint: "leave out --tls-min; --tls without a password may take 1.2")
    }
  }
}
