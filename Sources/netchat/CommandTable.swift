// The one table of commands and options. The parser, help, shell completions and manual pages
// are made from it, so that every fact about an option stands here, once.

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
  static let password = Option(
    "password", "TEXT", .secret,
    help:
      "the room's password, for a secure room; blanked in the list of processes at once, but it "
      + "may have been seen before, and stays in the shell's history")
  static let passwordFile = Option(
    "password-file", "FILE", .file,
    help: "read the room's password from this file")
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
  static let noSaveHistory = Option(
    "no-save-history",
    help: "do not keep what is typed at the prompt for the next time")
}

/// The options of `netchat clint`.
enum ClintOption {
  static let host = Option(
    "host", "HOST", .host, default: .described("asked for"),
    help: "join the room of this host, a name or an address")
  static let port = Option(
    "port", "PORT", .port(allowZero: false), default: .described("asked for"),
    help: "the host's port")
  static let unix = Option(
    "unix", "PATH", .file,
    help:
      "join the room of this unix socket, instead of a host and a port; nothing is remembered of "
      + "it, and its certificate need not be vouched for, for its path is")
  static let name = Option(
    "name", "NAME", .name, default: .described("the host gives one"),
    help: "your name in the room")
  static let timeout = Option(
    "timeout", "SECONDS", .seconds, default: .value("10"),
    help: "wait at most this long to connect and for the host; 0 waits for ever")
  static let history = Option(
    "history", "N", .count(0...1_000_000), default: .value("0"),
    help: "show at most this many past packets on joining")
  static let json = Option(
    "json",
    help: "write one JSON object a line")
  static let noHistory = Option(
    "no-history",
    help: "show nothing of the past; the same as --history 0")
  static let noReconnect = Option(
    "no-reconnect",
    help: "end with status 3 when the connection is lost, instead of trying to have it again")
  static let say = Option(
    "say", "TEXT", .text,
    help: "say this one message, and end once it is in the room; standard input is not read")
  static let expect = Option(
    "expect", "REGEX", .text,
    help:
      "wait until somebody else says something new that matches this extended regular expression, "
      + "as it is shown ('NAME: TEXT'), print it and nothing else, and end; standard input is not "
      + "read")
  static let within = Option(
    "within", "SECONDS", .seconds, default: .value("0"),
    help: "wait at most this long for --expect, then end with status 5; 0 waits for ever")
  static let jsonInput = Option(
    "json-input",
    help:
      "take one JSON object a line from standard input: chat (text, and to for one member), nick "
      + "(name), who, ping or bye")
  static let color = Option(
    "color", "WHEN", .choice(["auto", "always", "never"]), default: .value("auto"),
    help: "colour what the prompt shows; auto does so unless NO_COLOR is set")
  static let timestamps = Option(
    "timestamps", "FORM", .choice(["off", "short", "full"]), default: .value("off"),
    help: "at the prompt, show when each line was said, in the local time zone")
  static let joins = Option(
    "joins", "WHETHER", .choice(["on", "off"]), default: .value("on"),
    help: "at the prompt, show who comes and goes")
  static let bell = Option(
    "bell", "WHEN", .choice(["off", "mention", "private", "all"]), default: .value("mention"),
    help:
      "at the prompt, ring for a message that names you or is for you alone, only for the latter, "
      + "or for each")
  static let noSaveHistory = Option(
    "no-save-history",
    help: "do not keep what is typed at the prompt for the next time")
  static let secure = Option(
    "secure",
    help: "join only a room that proves itself by the password; begins TLS at once")
  static let tls = Option(
    "tls",
    help: "speak TLS only")
  static let tlsInsecure = Option(
    "tls-insecure",
    help: "do not look at the certificate; a secure room is safe all the same")
  static let cert = Option(
    "cert", "FILE", .file,
    help: "trust this certificate, or this authority's, and no other")
  static let fingerprint = Option(
    "fingerprint", "SHA256:...", .text,
    help: "take only the certificate with this fingerprint")
  static let password = Option(
    "password", "TEXT", .secret,
    help:
      "the room's password; blanked in the list of processes at once, but it may have been seen "
      + "before, and stays in the shell's history")
  static let passwordFile = Option(
    "password-file", "FILE", .file,
    help: "read the room's password from this file's first line")
  static let compat = Option(
    "compat",
    help: "tell a secure version 1 host the password itself, if its certificate is verified")
  static let forget = Option(
    "forget",
    help: "forget what is remembered of this host and port, and end")
}

/// The options of `netchat gencert`.
enum GencertOption {
  static let cert = Option(
    "cert", "FILE", .file, default: .value("cert.pem"),
    help: "write the certificate to this file")
  static let key = Option(
    "key", "FILE", .file, default: .value("key.pem"),
    help: "write the private key to this file, which only you can read")
  static let days = Option(
    "days", "N", .count(1...36_500), default: .value("365"),
    help: "let it be valid for this many days")
  static let name = Option(
    "name", "HOST_OR_IP", .certifiedName,
    default: .described("localhost, and this machine's name and addresses"), isRepeatable: true,
    help: "make it for this name or address")
  static let type = Option(
    "type", "TYPE", .choice(["ecdsa", "ed25519", "rsa"]), default: .value("ecdsa"),
    help: "make a key of this type; browsers do not take ed25519")
  static let bits = Option(
    "bits", "N", .count(2048...8192), default: .value("2048"),
    help: "the size of an rsa key")
  static let force = Option(
    "force",
    help: "replace the files if they exist")
}

/// The options of `netchat selftest`.
enum SelftestOption {
  static let json = Option(
    "json",
    help: "write one JSON object a line")
  static let passwordFile = Option(
    "password-file", "FILE", .file,
    help: "try the password in this file's first line; else NETCHAT_PASSWORD, or it is asked for")
  static let bench = Option(
    "bench",
    help: "measure how many messages a second a room on this machine delivers, and how soon")
  static let clients = Option(
    "clients", "N", .count(1...100_000), default: .value("500"),
    help: "measure rooms of 10, 100 and so on up to this many")
  static let seconds = Option(
    "seconds", "S", .seconds, default: .value("3"),
    help: "measure each room for this long")
  static let secure = Option(
    "secure",
    help: "measure secure rooms")
}

enum CommandTable {
  static let help = Option("help", short: "h", help: "show help and exit")
  static let version = Option("version", help: "show the version and exit")

  /// Understood by the program itself and by every command.
  static let commonOptions = [help, version]

  static let commands = [host, clint, gencert, selftest, completions, helpCommand]

  /// What `netchat help` explains.
  static let topics = commands.map(\.name) + ["systemd"]

  static func command(named name: String) -> Command? { commands.first { $0.name == name } }

  static let host = Command(
    name: "host",
    summary: "open a chat room",
    operands: [],
    ownOptions: [
      HostOption.bind, HostOption.port, HostOption.timeout, HostOption.secure, HostOption.plain,
      HostOption.password, HostOption.passwordFile, HostOption.generatePassword,
      HostOption.compat, HostOption.tls, HostOption.minimumTLS, HostOption.cert,
      HostOption.key, HostOption.history, HostOption.maxClients, HostOption.maxLag,
      HostOption.rate, HostOption.threads, HostOption.log, HostOption.sync,
      HostOption.logFailure, HostOption.logMaxSize, HostOption.json,
      HostOption.quiet, HostOption.noSaveHistory, HostOption.unix, HostOption.unixMode,
      HostOption.metrics,
    ],
    exclusions: [
      [HostOption.secure, HostOption.plain],
      [HostOption.plain, HostOption.tls],
      [HostOption.plain, HostOption.password],
      [HostOption.plain, HostOption.passwordFile],
      [HostOption.plain, HostOption.generatePassword],
      [HostOption.generatePassword, HostOption.password],
      [HostOption.generatePassword, HostOption.passwordFile],
    ],
    requirements: [
      Requirement(HostOption.cert, needs: HostOption.key),
      Requirement(HostOption.key, needs: HostOption.cert),
      Requirement(HostOption.cert, needs: HostOption.tls, HostOption.secure),
      Requirement(HostOption.minimumTLS, needs: HostOption.tls, HostOption.secure),
      Requirement(HostOption.compat, needs: HostOption.secure),
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

  static let clint = Command(
    name: "clint",
    summary: "join a chat room",
    operands: [
      Operand(
        name: "HOST[:PORT]", kind: .endpoint,
        help:
          "the same as --host and --port; an IPv6 address with a port is [::1]:12345; unix:PATH is "
          + "the same as --unix")
    ],
    ownOptions: [
      ClintOption.host, ClintOption.port, ClintOption.unix, ClintOption.name, ClintOption.timeout,
      ClintOption.history, ClintOption.noHistory, ClintOption.noReconnect, ClintOption.say,
      ClintOption.expect, ClintOption.within, ClintOption.json, ClintOption.jsonInput,
      ClintOption.color, ClintOption.timestamps, ClintOption.joins, ClintOption.bell,
      ClintOption.noSaveHistory, ClintOption.secure, ClintOption.password,
      ClintOption.passwordFile, ClintOption.tls, ClintOption.tlsInsecure, ClintOption.cert,
      ClintOption.fingerprint, ClintOption.compat, ClintOption.forget,
    ],
    exclusions: [
      [ClintOption.unix, ClintOption.host],
      [ClintOption.unix, ClintOption.port],
      [ClintOption.unix, ClintOption.forget],
      [ClintOption.tlsInsecure, ClintOption.cert],
      [ClintOption.tlsInsecure, ClintOption.fingerprint],
      [ClintOption.password, ClintOption.passwordFile],
      [ClintOption.history, ClintOption.noHistory],
      [ClintOption.jsonInput, ClintOption.say],
      [ClintOption.jsonInput, ClintOption.expect],
    ],
    requirements: [Requirement(ClintOption.within, needs: ClintOption.expect)],
    notes: [
      "What you type is said in the room. The end of the input ends the client once all that it "
        + "said has come back from the room.",
      "A lost connection is tried for again, after 1 s, 2 s, 4 s and so on up to 30 s, and taken "
        + "up where it was: nothing is lost and nothing is said twice. What comes on standard input "
        + "meanwhile is said then. Where standard input is no terminal the client gives up after 5 "
        + "minutes, and at once when the host shuts down; on a terminal it tries on. A host that has "
        + "put you out is not tried again.",
      "The status is 0 when all that was said is in the room, 1 when the room could not be "
        + "joined or did not take something, 2 for a wrong command line, 3 when the host closed or "
        + "the connection was lost for good, 4 when that happened before all that was said had come "
        + "back, and 5 when nothing matched --expect in time.",
    ],
    examples: [
      Example(commandLine: "netchat clint", meaning: "asks for the host and the port"),
      Example(
        commandLine: "netchat clint example.org:4000 --name Alice",
        meaning: "a room elsewhere, as Alice"),
      Example(
        commandLine: "echo done | netchat clint --host 192.0.2.1 --port 4000",
        meaning: "says one line; status 0 means that it is in the room"),
      Example(
        commandLine:
          "netchat clint example.org:4000 --say deploy? --expect ^alice: --within 600",
        meaning: "asks, and waits 10 minutes for the answer"),
    ],
    invocation: { arguments throws(UsageError) in .clint(try ClintArguments(arguments)) })

  static let gencert = Command(
    name: "gencert",
    summary: "make a certificate for a host",
    operands: [],
    ownOptions: [
      GencertOption.cert, GencertOption.key, GencertOption.days, GencertOption.name,
      GencertOption.type, GencertOption.bits, GencertOption.force,
    ],
    exclusions: [],
    requirements: [],
    notes: [
      "A room with --secure needs no certificate: the password takes its place. This one vouches "
        + "for itself, so clients are given the file (--cert) or the fingerprint (--fingerprint)."
    ],
    examples: [
      Example(
        commandLine: "netchat gencert",
        meaning: "cert.pem and key.pem for this machine, for a year"),
      Example(
        commandLine: "netchat gencert --name chat.example.org --days 90",
        meaning: "for one name"),
      Example(
        commandLine: "netchat gencert --type rsa --bits 3072 --force",
        meaning: "an RSA key, in place of the files that are there"),
    ],
    invocation: { arguments throws(UsageError) in .gencert(try GencertArguments(arguments)) })

  static let selftest = Command(
    name: "selftest",
    summary: "look for what is wrong, here or on the way to a host",
    operands: [
      Operand(
        name: "HOST[:PORT]", kind: .endpoint,
        help: "look at the way to this host instead; PORT is 12345 if it is left out")
    ],
    ownOptions: [
      SelftestOption.json, SelftestOption.passwordFile, SelftestOption.bench,
      SelftestOption.clients, SelftestOption.seconds, SelftestOption.secure,
    ],
    exclusions: [[SelftestOption.bench, SelftestOption.passwordFile]],
    requirements: [
      Requirement(SelftestOption.clients, needs: SelftestOption.bench),
      Requirement(SelftestOption.seconds, needs: SelftestOption.bench),
      Requirement(SelftestOption.secure, needs: SelftestOption.bench),
    ],
    notes: [
      "Without a host it tries this build on this machine: the cryptography by known answers, the "
        + "reader of packets, and rooms of its own on 127.0.0.1.",
      "With a host it goes the way that a client goes, and says of each step what it found and "
        + "what to do. If it is let in, the room sees 'selftest' come and go.",
      "The status is 0 if nothing is wrong, 1 if something is, and 2 for a wrong command line.",
    ],
    examples: [
      Example(commandLine: "netchat selftest", meaning: "is this build all right?"),
      Example(
        commandLine: "netchat selftest example.org:4000",
        meaning: "why can that room not be joined?"),
      Example(
        commandLine: "netchat selftest --bench --clients 1000 --seconds 5",
        meaning: "how fast is a room of 1000 here?"),
    ],
    invocation: { arguments throws(UsageError) in .selftest(try SelftestArguments(arguments)) })

  static let completions = Command(
    name: "completions",
    summary: "print a shell's completion of this program",
    operands: [
      Operand(
        name: "SHELL", kind: .choice(CompletionShell.allCases.map(\.rawValue)),
        help: "bash, zsh or fish")
    ],
    ownOptions: [],
    exclusions: [],
    requirements: [],
    notes: [
      "The package and README's lines for installing put these files where the shells look for "
        + "them. For one bash alone: source <(netchat completions bash)."
    ],
    examples: [
      Example(
        commandLine: "netchat completions fish >~/.config/fish/completions/netchat.fish",
        meaning: "for your own fish")
    ],
    invocation: { arguments throws(UsageError) in
      guard let shell = arguments.operands.first.flatMap({ CompletionShell(rawValue: $0.text) })
      else {
        throw UsageError(
          "completions needs the name of a shell", hint: "netchat completions bash, zsh or fish")
      }
      return .completions(shell)
    })

  static let helpCommand = Command(
    name: "help",
    summary: "explain a command, or print a unit file for systemd",
    operands: [
      Operand(name: "TOPIC", kind: .topic, help: "the command to explain, or systemd")
    ],
    ownOptions: [],
    exclusions: [],
    requirements: [],
    notes: [],
    examples: [],
    invocation: { arguments throws(UsageError) in
      if arguments.operands.first?.text == "systemd" { return .systemdUnit }
      return .help(arguments.operands.first.flatMap { CommandTable.command(named: $0.text) })
    })
}
