import ChatCore
import OpenSSL

/// What a value may be. Reading, help, shell completions and manual pages all follow from it.
enum ValueKind: Equatable, Sendable {
  /// A TCP port, decimal; 0 where the kernel may choose one.
  case port(allowZero: Bool)
  /// A time in decimal seconds, fractions allowed; 0 is no limit.
  case seconds
  /// A whole number, decimal.
  case count(ClosedRange<Int>)
  /// The name or the address of a host.
  case host
  /// An address of this machine, or a name for it.
  case ownAddress
  /// A host, with or without a port.
  case endpoint
  /// A port of this machine, and an address of it; 127.0.0.1 where that is left out.
  case ownEndpoint
  /// The permissions of a file, in octal digits.
  case permissions
  /// What a certificate can be made for: a host, or `*.` and a domain.
  case certifiedName
  /// The path of a file.
  case file
  case text
  /// A text that no message repeats.
  case secret
  /// A member's name; the host of the room has stricter rules still.
  case name
  case choice([String])
  /// One of the program's own commands.
  case command
  /// A command, or something else that is explained.
  case topic
}

/// What is wrong with a value, for the end of a sentence.
struct ValueProblem: Error, Equatable {
  let problem: String
  /// Takes the place of the kind's own hint.
  let hint: String?

  init(_ problem: String, hint: String? = nil) {
    self.problem = problem
    self.hint = hint
  }
}

/// A value that was read and found good.
///
/// The properties are for whoever knows the option's kind: asking for another is a mistake in
/// the program, and stops it.
enum ArgumentValue: Equatable, Sendable {
  case flag
  case port(UInt16)
  case seconds(Duration)
  case count(Int)
  case text(String)
  case secret(Secret)
  case endpoint(Endpoint)

  var port: UInt16 {
    guard case .port(let port) = self else { preconditionFailure("\(self) is not a port") }
    return port
  }

  /// How long to wait, 1 ms at the least; nil: for ever.
  var timeout: Duration? {
    guard case .seconds(let time) = self else { preconditionFailure("\(self) is not a time") }
    return time == .zero ? nil : time
  }

  var count: Int {
    guard case .count(let count) = self else { preconditionFailure("\(self) is not a count") }
    return count
  }

  var text: String {
    guard case .text(let text) = self else { preconditionFailure("\(self) is not a text") }
    return text
  }

  var secret: Secret {
    guard case .secret(let secret) = self else { preconditionFailure("\(self) is not a secret") }
    return secret
  }

  var endpoint: Endpoint {
    guard case .endpoint(let endpoint) = self else {
      preconditionFailure("\(self) is not an endpoint")
    }
    return endpoint
  }
}

extension ValueKind {
  /// The most Unicode scalars of a name (PROTOCOL, section 4).
  static let longestName = 24
  /// No wait is longer: 31 years. What is asked for beyond it becomes this.
  static let longestWait = 1e9

  /// The values that are allowed, for a hint.
  var allowed: String {
    switch self {
    case .port(let allowZero):
      "a port is a whole number from \(allowZero ? 0 : 1) to 65535"
    case .seconds:
      "give seconds as a decimal number, 0 or more, such as 10 or 2.5"
    case .count(let range):
      "give a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .host, .ownAddress:
      "give a name or an address, such as localhost, 192.0.2.1 or ::1"
    case .certifiedName:
      "give a name or an address, such as chat.example.org, *.example.org, 192.0.2.1 or ::1"
    case .endpoint:
      "give HOST or HOST:PORT, such as localhost:12345 or [::1]:12345"
    case .ownEndpoint:
      "give a port or an address and a port, such as 9100, 127.0.0.1:9100 or [::1]:9100"
    case .permissions: "give three octal digits, such as 600, 660 or 0666"
    case .file: "give the path of a file"
    case .text, .secret: "give a text that is not empty"
    case .name:
      "a name has 1 to \(Self.longestName) characters, none of them ':' or a control character"
    case .choice(let choices):
      "give one of \(choices.joined(separator: ", "))"
    case .command:
      "the commands are \(CommandTable.commands.map(\.name).joined(separator: ", "))"
    case .topic:
      "the commands are \(CommandTable.commands.map(\.name).joined(separator: ", ")); and systemd"
    }
  }

  /// The bounds as help shows them beside the default; nil where there are none to show.
  var bounds: String? {
    switch self {
    case .port(let allowZero): "\(allowZero ? 0 : 1) to 65535"
    case .count(let range): "\(range.lowerBound) to \(range.upperBound)"
    case .choice(let choices): choices.joined(separator: ", ")
    case .seconds, .host, .ownAddress, .endpoint, .ownEndpoint, .permissions, .certifiedName, .file,
      .text, .secret, .name,
      .command, .topic:
      nil
    }
  }

  /// Whether `--x` can be a good value.
  var mayBeginWithDashes: Bool {
    switch self {
    case .file, .text, .secret, .name, .choice: true
    case .port, .seconds, .count, .host, .ownAddress, .endpoint, .ownEndpoint, .permissions,
      .certifiedName, .command, .topic:
      false
    }
  }

  /// Reads a value as the user typed it.
  func read(_ text: String) throws(ValueProblem) -> ArgumentValue {
    guard !text.isEmpty else { throw ValueProblem("it is empty") }
    // Swift puts this character where an argument was not UTF-8: a path or a password would
    // silently be another one.
    guard !text.unicodeScalars.contains("\u{FFFD}") else {
      throw ValueProblem("it is not valid UTF-8")
    }
    switch self {
    case .port(let allowZero):
      return .port(UInt16(try wholeNumber(text, in: (allowZero ? 0 : 1)...65535)))
    case .seconds: return .seconds(try seconds(text))
    case .count(let range): return .count(try wholeNumber(text, in: range))
    case .host, .ownAddress: return .text(try Endpoint.host(in: text))
    case .certifiedName: return .text(try certifiedName(text))
    case .endpoint: return .endpoint(try Endpoint(parsing: text))
    case .ownEndpoint: return .endpoint(try ownEndpoint(text))
    case .permissions: return .text(try permissions(text))
    case .file, .text: return .text(text)
    case .secret: return .secret(try Self.checked(Secret(copying: text.utf8Span.span)))
    case .name: return .text(try name(text))
    case .choice(let choices): return .text(try choice(text, among: choices))
    case .topic: return .text(try choice(text, among: CommandTable.topics))
    case .command: return .text(try choice(text, among: CommandTable.commands.map(\.name)))
    }
  }

  private func ownEndpoint(_ text: String) throws(ValueProblem) -> Endpoint {
    if text.utf8.allSatisfy(isDigit) {
      return Endpoint(
        host: "127.0.0.1", port: try ValueKind.port(allowZero: true).read(text).port)
    }
    // Unlike a client's, this port may be 0.
    if text.hasSuffix(":0") {
      return Endpoint(host: try Endpoint.host(in: String(text.dropLast(2))), port: 0)
    }
    let endpoint = try Endpoint(parsing: text)
    guard endpoint.port != nil else { throw ValueProblem("the port is missing") }
    return endpoint
  }

  private func permissions(_ text: String) throws(ValueProblem) -> String {
    let digits = text.hasPrefix("0") && text.utf8.count == 4 ? String(text.dropFirst()) : text
    guard digits.utf8.count == 3, digits.utf8.allSatisfy({ 0x30...0x37 ~= $0 }) else {
      throw ValueProblem("it is not three octal digits")
    }
    return digits
  }

  /// A secret that was read and found good.
  static func checked(_ secret: Secret) throws(ValueProblem) -> Secret {
    if let problem = PasswordSource.problem(with: secret) { throw ValueProblem("it \(problem)") }
    return secret
  }

  private func wholeNumber(
    _ text: String, in range: ClosedRange<Int>
  ) throws(ValueProblem) -> Int {
    let isNegative = text.hasPrefix("-")
    let digits = isNegative ? text.dropFirst() : text[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy(isDigit) else {
      throw ValueProblem("it is not a whole number")
    }
    if isNegative { throw ValueProblem("it is negative") }
    guard let number = Int(digits), number <= range.upperBound else {
      throw ValueProblem("it is more than \(range.upperBound)")
    }
    guard number >= range.lowerBound else {
      throw ValueProblem("it is less than \(range.lowerBound)")
    }
    return number
  }

  private func seconds(_ text: String) throws(ValueProblem) -> Duration {
    let isNegative = text.hasPrefix("-")
    let decimal = isNegative ? text.dropFirst() : text[...]
    // `Double` would also read nan, inf, 0x1p3 and 1e999.
    guard decimal.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }),
      let seconds = Double(decimal)
    else { throw ValueProblem("it is not a decimal number") }
    if isNegative { throw ValueProblem("it is negative") }
    guard seconds.isFinite else { throw ValueProblem("it is too large") }
    // Zero means no limit, so nothing above zero may be rounded to it.
    if seconds == 0 {
      guard !decimal.utf8.contains(where: { $0 > UInt8(ascii: "0") }) else {
        return .milliseconds(1)
      }
      return .zero
    }
    return max(.milliseconds(1), .seconds(min(seconds, Self.longestWait)))
  }

  private func name(_ text: String) throws(ValueProblem) -> String {
    let scalars = text.unicodeScalars
    guard scalars.count <= Self.longestName else {
      throw ValueProblem("it has more than \(Self.longestName) characters")
    }
    guard !scalars.contains(":") else { throw ValueProblem("it has a colon in it") }
    guard !scalars.contains(where: { $0.properties.generalCategory == .control }) else {
      throw ValueProblem("it has a control character in it")
    }
    return text
  }

  private func certifiedName(_ text: String) throws(ValueProblem) -> String {
    // An address may stand in brackets here too.
    let name: String
    do throws(ValueProblem) {
      name = text.hasPrefix("*.") ? text : try Endpoint.host(in: text)
    } catch {
      // Its hint is for those who say where a host is.
      throw ValueProblem(error.problem)
    }
    do throws(OpenSSLError) {
      try Certificate.check(name: name)
    } catch {
      guard case .invalidName(_, let reason) = error else { throw ValueProblem("\(error)") }
      throw ValueProblem("it is \(reason)")
    }
    return name
  }

  private func choice(
    _ text: String, among choices: [String]
  ) throws(ValueProblem) -> String {
    guard !choices.contains(text) else { return text }
    let nearest = Suggestion.nearest(to: text, among: choices)
    throw ValueProblem(
      self == .command ? "there is no such command" : "it is none of the choices",
      hint: nearest.map { "did you mean \($0)?" })
  }
}
