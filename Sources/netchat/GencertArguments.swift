import OpenSSL

/// What `netchat gencert` was asked to do.
struct GencertArguments: Equatable, Sendable {
  /// A path.
  let cert: String
  /// A path.
  let key: String
  let days: Int
  /// Host names and addresses; empty: those of this machine.
  let names: [String]
  let keyType: Certificate.KeyType
  let replacesFiles: Bool

  init(_ arguments: ParsedArguments) throws(UsageError) {
    cert = arguments.value(of: GencertOption.cert).text
    key = arguments.value(of: GencertOption.key).text
    days = arguments.value(of: GencertOption.days).count
    var names: [String] = []
    for name in arguments.all(of: GencertOption.name) where !names.contains(name.text) {
      names.append(name.text)
    }
    self.names = names
    let type = arguments.value(of: GencertOption.type).text
    switch type {
    case "ed25519": keyType = .ed25519
    case "rsa": keyType = .rsa(bits: arguments.value(of: GencertOption.bits).count)
    default: keyType = .ecdsaP256
    }
    guard type == "rsa" || !arguments.isGiven(GencertOption.bits) else {
      throw UsageError(
        "--bits is for --type rsa; keys of type \(type) have one size",
        hint: "leave out --bits, or add --type rsa")
    }
    replacesFiles = arguments.isGiven(GencertOption.force)
  }
}
