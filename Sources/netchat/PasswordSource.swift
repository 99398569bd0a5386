import OpenSSL
import Sockets

/// Where a room's password comes from: `--password`, `--password-file`, the environment variable
/// `NETCHAT_PASSWORD`, else somebody is asked, on the terminal without echo or of the pipe that
/// answered the other questions.
struct PasswordSource: Sendable {
  enum Purpose: Sendable {
    /// A host sets its room's password.
    case host
    case clint

    var question: String {
      switch self {
      case .host: "Set password: "
      case .clint: "Enter password: "
      }
    }
  }

  /// What the next line of standard input is to the question.
  enum PipedAnswer {
    /// No answer: standard input is a terminal, or is for what is said in the room.
    case none
    case line(Secret)
    /// There is none, or it is too long.
    case missing
  }

  enum Failure: Error, Equatable {
    /// What is wrong, for `Diagnostics`.
    case unusable(String, hint: String?)
    /// The user gave up by Ctrl-C, or this signal came.
    case interrupted(signal: Int32)

    /// Tells the user, and returns the status to end with.
    func report() -> ExitStatus {
      switch self {
      case .unusable(let message, let hint):
        Diagnostics.report(message, hint: hint)
        return .failure
      case .interrupted: return .interrupted
      }
    }
  }

  static let environmentVariable = "NETCHAT_PASSWORD"
  /// Bytes. More than anybody types; a file that is longer was meant otherwise.
  static let longest = 1024

  /// Bytes of one in a file, with what may stand around it.
  private static let longestLine = longest + "\u{FEFF}\r\n".utf8.count

  private enum Given: Sendable {
    case argument(Secret)
    case file(String)
    case environment(Secret)
  }
  private let given: Given?

  /// Takes the variable out of the environment: to be made before there are other threads.
  /// - Parameters:
  ///   - argument: of `--password`.
  ///   - file: of `--password-file`.
  init(argument: Secret?, file: String?) {
    var variable = ProcessSecrets.takeEnvironment(Self.environmentVariable)
    let environment = variable != nil ? Secret(wiping: &variable!) : nil
    given =
      if let argument { .argument(argument) } else if let file { .file(file) } else {
        environment.map { .environment($0) }
      }
    if given != nil { Machine.keepMemoryPrivate() }
  }

  /// Whether nobody needs to be asked. A client that was given a password speaks TLS at once.
  var isGiven: Bool { given != nil }

  /// The password; waits for whoever is asked.
  /// - Parameter readPipe: reads the answer where standard input answered the other questions; is
  ///   handed the question. `Questions.pipedPassword` does it.
  func password(
    for purpose: Purpose, readPipe: (_ question: String) -> PipedAnswer
  ) throws(Failure) -> Secret {
    Machine.keepMemoryPrivate()
    switch given {
    case .argument(let secret):
      try check(secret, from: "the password of --password")
      return secret
    case .environment(let secret):
      try check(secret, from: "the password in \(Self.environmentVariable)")
      return secret
    case .file(let path):
      // A pipe may say nothing for long, and nothing is lost yet: a signal ends the program.
      let result: Result<Secret, Failure> = Signals.unblocked {
        do throws(Failure) { return .success(try read(path)) } catch { return .failure(error) }
      }
      return try result.get()
    case nil: break
    }
    switch readPipe(purpose.question) {
    case .none: return try askTerminal(purpose.question)
    case .missing:
      throw .unusable("the input ended before the password", hint: Self.otherWays)
    case .line(let secret):
      try check(secret, from: "the password")
      return secret
    }
  }

  private static let otherWays =
    "give it with --password-file or in the variable \(environmentVariable)"

  private func check(_ secret: Secret, from source: String) throws(Failure) {
    if let problem = Self.problem(with: secret) {
      throw .unusable("\(source) \(problem)", hint: Self.allowed)
    }
  }

  private static let allowed = "a password is a text of 1 to \(longest) bytes, in UTF-8"

  /// Why these bytes are no password, for the end of a sentence; nil if they are one.
  static func problem(with secret: Secret) -> String? {
    if secret.count == 0 { return "is empty" }
    if secret.count > longest { return "is longer than \(longest) bytes" }
    let isText = secret.withSpan { span in (try? UTF8Span(validating: span)) != nil }
    return isText ? nil : "is not valid UTF-8"
  }

  // MARK: A file

  private func read(_ path: String) throws(Failure) -> Secret {
    var line: [UInt8] = []
    // Reserved, so that it never moves and leaves a copy behind.
    line.reserveCapacity(Self.longestLine)
    defer { wipe(&line) }
    do throws(SystemError) {
      try readLine(of: path, into: &line)
    } catch {
      throw .unusable(
        "cannot read the password in \(path): \(error.reason)",
        hint: "--password-file takes the path of a file whose first line is the password")
    }
    if line.last == UInt8(ascii: "\n") { line.removeLast() }
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    // Some editors put a byte order mark before every text in UTF-8; nobody types one.
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let start = line.starts(with: mark) ? mark.count : 0
    let secret = Secret(copying: line.span.extracting(droppingFirst: start))
    try check(secret, from: "the password in \(path)")
    return secret
  }

  /// Reads the first line, with its end, or more of it than a password may have. Nothing is read
  /// beyond it, so that a pipe keeps the rest for others.
  private func readLine(of path: String, into line: inout [UInt8]) throws(SystemError) {
    let file = try File.open(reading: path)
    let status = try File.status(of: file)
    if status.isRegular, status.permissions & 0o044 != 0 {
      Diagnostics.report(
        "warning: others on this machine can read the password in \(path)",
        hint: "chmod 600 keeps it to you")
    }
    var byte: [UInt8] = [0]
    defer { wipe(&byte) }
    while line.count < Self.longestLine, line.last != UInt8(ascii: "\n") {
      var span = byte.mutableSpan
      switch try Sockets.read(file.number, into: &span) {
      case .bytes: line.append(byte[0])
      case .endOfStream: return
      case .wouldBlock: _ = try wait(for: .reading, on: file.number, timeout: nil)
      }
    }
  }

  // MARK: The terminal

  private func askTerminal(_ question: String) throws(Failure) -> Secret {
    let answer: Result<Secret, Failure>
    do throws(SystemError) {
      if let terminal = try PasswordTerminal() {
        answer = try ask(question, on: terminal)
      } else {
        answer = .failure(
          .unusable(
            "a password is needed, and there is no terminal to ask for it", hint: Self.otherWays))
      }
    } catch {
      throw .unusable("cannot ask for the password: \(error.reason)", hint: Self.otherWays)
    }
    return try answer.get()
  }

  /// Asks until the answer is a password.
  private func ask(
    _ question: String, on terminal: borrowing PasswordTerminal
  ) throws(SystemError) -> Result<Secret, Failure> {
    while true {
      var buffer = [UInt8](repeating: 0, count: Self.longest)
      defer { wipe(&buffer) }
      let problem: String?
      switch try terminal.ask(question, into: &buffer) {
      case .interrupted(let signal): return .failure(.interrupted(signal: signal))
      case .ended:
        return .failure(.unusable("the input ended before the password", hint: Self.otherWays))
      case .tooLong: problem = "is longer than \(Self.longest) bytes"
      case .line(let count):
        let secret = Secret(copying: buffer.span.extracting(first: count))
        problem = Self.problem(with: secret) ?? Self.problemOfTyping(secret)
        if problem == nil { return .success(secret) }
      }
      if let problem {
        try terminal.say(
          Diagnostics.format("the password \(problem)", hint: "type another one, or Ctrl-C"))
      }
    }
  }

  /// Nobody sees what an arrow key puts into a password.
  private static func problemOfTyping(_ secret: Secret) -> String? {
    let hasControl = secret.withSpan { span in
      span.indices.contains { span[$0] < 0x20 || span[$0] == 0x7F }
    }
    return hasControl ? "has a control character in it, such as an arrow key's" : nil
  }
}
