import Glibc
import OpenSSL
import Sockets

/// What the program asks where the command line left something out.
struct Questions: ~Copyable {
  /// Where the answers come from; what is left after them is said in the room.
  var input: LineInput
  /// Where the questions go.
  private let output: Int32
  let isInteractive: Bool
  /// Whether standard input, a pipe or a file, has answered a question: then it answers all.
  private var hasAnswered = false

  /// Nobody answered, or wrongly, and there is nobody to ask again.
  struct Unanswered: Error {}

  /// - Parameter format: with JSON on standard output, questions go to standard error.
  init(limit: Int, format: OutputFormat) {
    input = LineInput(STDIN_FILENO, limit: limit)
    isInteractive = isTerminal(STDIN_FILENO)
    let isShown = !isInteractive || isTerminal(STDOUT_FILENO)
    output = format == .json || !isShown ? STDERR_FILENO : STDOUT_FILENO
  }

  /// Asks until an answer can be read; of a pipe, once.
  /// - Parameter read: makes a value of an answer, or says what is wrong with it.
  mutating func ask<Value>(
    _ question: String, read: (String) throws(UsageError) -> Value
  ) throws(Unanswered) -> Value {
    while true {
      Diagnostics.write(question, to: output)
      let answer: String
      switch input.waitForLine() {
      case .text(let line): answer = line
      case .tooLong: answer = "…"
      case nil:
        Diagnostics.write("\n", to: output)
        Diagnostics.report(
          "the input ended before the answer", hint: "options answer as well: netchat help")
        throw Unanswered()
      }
      // A terminal has shown what was typed; of a pipe the transcript should read the same.
      if !isInteractive { Diagnostics.write(Diagnostics.oneLine(answer) + "\n", to: output) }
      if !isInteractive { hasAnswered = true }
      do throws(UsageError) {
        return try read(answer.trimmed)
      } catch {
        Diagnostics.report(error)
        if !isInteractive { throw Unanswered() }
      }
    }
  }

  /// A password, where standard input answers the questions and is no terminal. It is not shown.
  mutating func pipedPassword(_ question: String) -> PasswordSource.PipedAnswer {
    guard hasAnswered else { return .none }
    Diagnostics.write(question, to: output)
    var line = input.waitForSecret()
    Diagnostics.write("\n", to: output)
    return line != nil ? .line(Secret(wiping: &line!)) : .missing
  }

  mutating func askPort(_ question: String, kind: ValueKind) throws(Unanswered) -> UInt16 {
    try ask(question) { answer throws(UsageError) in
      do throws(ValueProblem) {
        return try kind.read(answer).port
      } catch {
        throw UsageError(
          "\(quoted(answer)) is not a port: \(error.problem)", hint: error.hint ?? kind.allowed)
      }
    }
  }

  /// Asks something that is no unless one says yes.
  mutating func askYesOrNo(_ question: String) throws(Unanswered) -> Bool {
    try ask(question) { answer throws(UsageError) in
      switch answer.lowercased() {
      case "y", "yes": return true
      case "", "n", "no": return false
      default: throw UsageError("\(quoted(answer)) is neither yes nor no", hint: "type y or n")
      }
    }
  }
}

extension String {
  /// Without white space at its ends.
  fileprivate var trimmed: String {
    let start = drop(while: \.isWhitespace)
    guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(start[...end])
  }
}
