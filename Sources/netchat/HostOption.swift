/// The options of `netchat host`.
enum HostOption {
  static let bind = Option(
    "bind", "ADDR", .ownAddress, default: .described("every address, IPv4 and IPv6"),
    help: "listen on this address only; 127.0.0.1 is for this machine alone")
  static let port = Option(
    "port", "PORT", .port(allowZero: true), default: .described("asked for"),
    help: "listen on this port; 0 takes a free one")
  static let timeout = Option(
    "timeout", "SECONDS", .seconds, default: .value("10"),
    help:
      "turn a client away that is not in the room after this time; the protocol allows no more "
      + "than 10, and 0 is that too")
  static let secure = Option(
    "secure",
    help: "encrypt everything, and let in only those who know the password")
  static let plain = Option(
    "plain",
    help: "encrypt nothing; the same as neither --secure nor --tls")
  static let tls = Option(
    "tls",
    help: "encrypt the connections; anyone may join")
  static let cert = Option(
    "cert", "FILE", .file,
    help: "show this certificate, a PEM file")
  static let key = Option(
    "key", "FILE", .file,
    help: "the certificate's private key, a PEM file")
  static let generatePassword = Option(
    "generate-password",
    help: "draw the room's password and show it once, with the line that joins")
  static let compat = Option(
    "compat",
    help: "let version 1 clients into a secure room; they send the password itself, inside TLS")
  static let minimumTLS = Option(
    "tls-min", "VERSION", .choice(["1.2", "1.3"]), default: .value("1.3"),
    help: "take TLS from this version on; a secure room takes 1.3 only")
  static let history = Option(
    "history", "N", .count(0...1_000_000), default: .value("1000"),
    help: "keep this many past packets for those who join or come back")
  static let maxClients = Option(
    "max-clients", "N", .count(1...1_000_000),
    default: .described("as many as the limit on open files allows"),
    help: "let in at most this many clients at a time")
  static let maxLag = Option(
    "max-lag", "BYTES", .count(65_536...1_073_741_824), default: .value("8388608"),
    help: "disconnect a client that is this far behind")
  static let rate = Option(
    "rate", "N", .count(0...1_000_000), default: .value("100"),
    help: "read at most this many messages a second from each client; 0 is no limit")
  static let threads = Option(
    "threads", "N", .count(1...64), default: .described("one a core, at most 8"),
    help: "serve the connections with this many threads")
  static let log = Option(
    "log", "FILE", .file,
    help:
      "write what the room gets to this file before anyone receives it, and go on with the room "
      + "that is there")
  static let sync = Option(
    "sync",
    help: "have it on the disk before anyone receives it, so that a power failure loses nothing")
  static let logFailure = Option(
    "log-failure", "WHAT", .choice(["stop", "continue"]), default: .value("stop"),
    help: "close the room when the log cannot be written, or go on without it")
  static let logMaxSize = Option(
    "log-max-size", "BYTES", .count(65_536...1_099_511_627_776), default: .described("no limit"),
    help: "rename the log when it has this size, and go on in a new file")
  static let json = Option(
    "json",
    help:
      "write one JSON object a line: the room's packets, and of type host what becomes of "
      + "connections and the answers to commands")
  static let unix = Option(
    "unix", "PATH", .file,
    help:
      "listen on this unix socket too; the file of a host that is gone is replaced, and removed at "
      + "the end; a path that begins with @ has no file")
  static let unixMode = Option(
    "unix-mode", "MODE", .permissions, default: .value("0600"),
    help: "who may connect to the unix socket: its file's permissions, octal")
  static let metrics = Option(
    "metrics", "[ADDR:]PORT", .ownEndpoint,
    help:
      "answer GET /metrics by HTTP with figures in Prometheus' text format, on 127.0.0.1 unless "
      + "another address is given; they tell how many members there are, not who")
  static let quiet = Option(
    "quiet",
    help:
      "show neither the room nor who is let in, refused and cut; only where it listens, what goes "
      + "wrong, and the answers to commands")

  /// Whoever gives a password means a room that asks for it.
  static let impliesSecure = [
    SharedOption.password, SharedOption.passwordFile, HostOption.generatePassword,
  ]
}

extension CommandTable {
  static let host = Command(
    name: "host",
    summary: "open a chat room",
    operands: [],
    ownOptions: [
      HostOption.bind, HostOption.port, HostOption.timeout, HostOption.secure, HostOption.plain,
      SharedOption.password, SharedOption.passwordFile, HostOption.generatePassword,
      HostOption.compat, HostOption.tls, HostOption.minimumTLS, HostOption.cert,
      HostOption.key, HostOption.history, HostOption.maxClients, HostOption.maxLag,
      HostOption.rate, HostOption.threads, HostOption.log, HostOption.sync,
      HostOption.logFailure, HostOption.logMaxSize, HostOption.json,
      HostOption.quiet, SharedOption.noSaveHistory, HostOption.unix, HostOption.unixMode,
      HostOption.metrics,
    ],
    exclusions: [
      [HostOption.secure, HostOption.plain],
      [HostOption.plain, HostOption.tls],
      [HostOption.plain, SharedOption.password],
      [HostOption.plain, SharedOption.passwordFile],
      [HostOption.plain, HostOption.generatePassword],
      [SharedOption.password, SharedOption.passwordFile],
      [HostOption.generatePassword, SharedOption.password],
      [HostOption.generatePassword, SharedOption.passwordFile],
    ],
    requirements: [
      Requirement(HostOption.cert, needs: HostOption.key),
      Requirement(HostOption.key, needs: HostOption.cert),
      Requirement(
        HostOption.cert, needs: HostOption.tls, HostOption.secure,
        impliedBy: HostOption.impliesSecure),
      Requirement(
        HostOption.minimumTLS, needs: HostOption.tls, HostOption.secure,
        impliedBy: HostOption.impliesSecure),
      Requirement(
        HostOption.compat, needs: HostOption.secure, impliedBy: HostOption.impliesSecure),
      Requirement(HostOption.unixMode, needs: HostOption.unix),
      Requirement(HostOption.sync, needs: HostOption.log),
      Requirement(HostOption.logFailure, needs: HostOption.log),
      Requirement(HostOption.logMaxSize, needs: HostOption.log),
    ],
    notes: [
      "What you type is said in the room, under the name 'server'; lines that begin with a slash "
        + "are commands, also of a pipe: /help lists them, and // says a line that begins with a "
        + "slash. The end of the input does not close the room; /quit, Ctrl-C, SIGTERM and SIGHUP "
        + "do.",
      "Standard output shows the room, word for word. Standard error shows the answers to commands "
        + "and who was let in, refused and cut, with times where it is no terminal. SIGUSR1 shows how "
        + "the host is doing.",
      "Without --port the port is asked for, on a terminal or of a pipe. On a terminal the host "
        + "also asks whether to encrypt, unless --plain, --tls or --secure says so.",
      "A host that is started with the log of another goes on with its room: nothing that was said is "
        + "lost, and clients that come again miss nothing. It has to be of the same kind (--plain, "
        + "--tls or --secure) and have the same password. Whoever reads the log can come in under "
        + "any member's name, so it is made for you alone.",
    ],
    examples: [
      Example(commandLine: "netchat host", meaning: "asks for the port, then opens the room"),
      Example(
        commandLine: "netchat host --port 4000 </dev/null &",
        meaning: "a room in the background, until SIGTERM"),
      Example(
        commandLine: "netchat host --bind 127.0.0.1 --port 4000",
        meaning: "a room for this machine only"),
      Example(
        commandLine: "netchat host --port 4000 --log room.log",
        meaning: "a room that goes on where it was when the host is started again"),
    ],
    invocation: { arguments throws(UsageError) in .host(try HostArguments(arguments)) })
}
