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

extension CommandTable {
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
}
