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

extension CommandTable {
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
}
