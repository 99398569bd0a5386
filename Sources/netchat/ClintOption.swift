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
  static let secure = Option(
    "secure",
    help: "join only a room that proves itself by the password; begins TLS at once")
  static let tls = Option(
    "tls",
    help: "speak TLS only")
  static let tlsInsecure = Option(
    "tls-insecure",
    help:
      "do not look at the certificate; a secure room is safe all the same, except with --compat")
  static let cert = Option(
    "cert", "FILE", .file,
    help: "trust this certificate, or this authority's, and no other")
  static let fingerprint = Option(
    "fingerprint", "SHA256:...", .text,
    help: "take only the certificate with this fingerprint")
  static let compat = Option(
    "compat",
    help: "tell a secure version 1 host the password itself, if its certificate is verified")
  static let forget = Option(
    "forget",
    help: "forget what is remembered of this host and port, and end")
}

extension CommandTable {
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
      SharedOption.noSaveHistory, ClintOption.secure, SharedOption.password,
      SharedOption.passwordFile, ClintOption.tls, ClintOption.tlsInsecure, ClintOption.cert,
      ClintOption.fingerprint, ClintOption.compat, ClintOption.forget,
    ],
    exclusions: [
      [ClintOption.unix, ClintOption.host],
      [ClintOption.unix, ClintOption.port],
      [ClintOption.unix, ClintOption.forget],
      [ClintOption.tlsInsecure, ClintOption.cert],
      [ClintOption.tlsInsecure, ClintOption.fingerprint],
      [SharedOption.password, SharedOption.passwordFile],
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
}
