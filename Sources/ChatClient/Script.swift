import ChatCore
import Sockets

/// What a client does that has no user at a prompt: it says the lines of its input, or one text, and
/// may wait for a message.
package struct Script {
  package enum Input: Sendable {
    /// Each line is a message.
    case lines
    /// Each line is a packet.
    case packets
    /// It is not read: this is said instead, if anything.
    case text(String?)
  }

  private let front: PlainFront
  private let input: Input
  private let expectation: Expectation?
  private let patience: UInt64?

  private var hasSaidText = false
  private var hasEnded = false
  /// A line that is not one to say.
  private var hasRefused = false
  private var lineNumber = 0
  private var deadline: UInt64?

  /// - Parameters:
  ///   - expectation: what to wait for; `front` has it too, and shows nothing else.
  ///   - patience: for how long, in nanoseconds from when the room is joined; nil for ever.
  package init(
    _ front: PlainFront, saying input: Input, expecting expectation: Expectation? = nil,
    within patience: UInt64? = nil
  ) {
    self.front = front
    self.input = input
    self.expectation = expectation
    self.patience = patience
  }

  /// Converses until all is said and heard, the user leaves or the host closes. What is shown has been
  /// written then, unless a signal came or nobody reads it.
  package mutating func run(
    _ client: inout Client, _ lines: inout LineInput, _ signals: borrowing Signals
  ) -> Client.Ending {
    let ending = converse(&client, &lines, signals)
    if case .needs = ending { return ending }
    guard ending != .outputGone else { return ending }
    do throws(SystemError) {
      if client.isInterrupted { try front.flush() } else { try front.finish(signals) }
    } catch {
      return .outputGone
    }
    return ending
  }

  private mutating func converse(
    _ client: inout Client, _ lines: inout LineInput, _ signals: borrowing Signals
  ) -> Client.Ending {
    while true {
      say(&lines, to: &client)
      if let ending = end(&client, lines) { return ending }
      let readsInput = client.hasRoom && !client.isRenaming && wantsInput(lines)
      switch client.turn(signals, reading: readsInput ? lines.descriptor : nil, until: deadline) {
      case .input: lines.fill()
      case .ended(let ending): return ending
      case .shown, .signal: break
      }
    }
  }

  /// Whether it is over: all is said and settled, and what was waited for has come, or its time is up.
  private mutating func end(_ client: inout Client, _ lines: borrowing LineInput)
    -> Client.Ending?
  {
    guard client.hasJoined else { return nil }
    let isMet = expectation?.isMet ?? true
    if isMet, hasSaidAll(lines), client.isSettled {
      let isWhole = !hasRefused && client.undeliveredCount == 0
      let ending = client.leave()
      return ending == .done && !isWhole ? .notSaid : ending
    }
    guard let patience, !isMet else { return nil }
    let now = Clock.monotonic()
    let end = deadline ?? now + patience
    deadline = end
    guard now >= end else { return nil }
    let ending = client.leave()
    return ending == .done ? .notMatched : ending
  }

  private func hasSaidAll(_ lines: borrowing LineInput) -> Bool {
    switch input {
    case .text(let text): text == nil || hasSaidText
    case .lines, .packets: hasEnded || lines.isAtEnd && lines.waitingBytes == 0
    }
  }

  private func wantsInput(_ lines: borrowing LineInput) -> Bool {
    if case .text = input { return false }
    return !hasEnded && !lines.isAtEnd
  }

  // MARK: Saying

  private mutating func say(_ lines: inout LineInput, to client: inout Client) {
    if case .text(let text) = input {
      guard let text, !hasSaidText, client.hasRoom else { return }
      hasSaidText = true
      return say(text, to: nil, &client)
    }
    while !hasEnded, client.hasRoom, !client.isRenaming, let line = lines.takeLine() {
      lineNumber += 1
      switch (line, input) {
      case (.tooLong, _): refuse(Note.tooLong)
      case (.text(let text), .packets): receive(text, &client)
      case (.text(let text), _): say(text, to: nil, &client)
      }
    }
  }

  private mutating func say(_ text: String, to recipient: String?, _ client: inout Client) {
    do throws(ClientSession.SayFailure) {
      try client.say(text, to: recipient)
    } catch {
      refuse(error)
    }
  }

  private mutating func receive(_ line: String, _ client: inout Client) {
    if line.allSatisfy(\.isWhitespace) { return }
    let packet: InputPacket
    do throws(InputPacket.Failure) {
      packet = try InputPacket(line)
    } catch {
      return refuse(.notUnderstood(line: lineNumber, reason: error.reason))
    }
    do throws(ClientSession.SayFailure) {
      switch packet {
      case .chat(let text, let recipient): try client.say(text, to: recipient)
      case .nick(let name): try client.rename(to: name)
      case .who: try client.askForMembers()
      case .ping: try client.ping()
      case .bye: hasEnded = true
      }
    } catch {
      refuse(error)
    }
  }

  private mutating func refuse(_ failure: ClientSession.SayFailure) {
    switch failure {
    // A room takes no blank text, and nothing is missing without it.
    case .blank: break
    case .tooLong: refuse(Note.tooLong)
    case .notSealed: refuse(.notUnderstood(line: lineNumber, reason: "it cannot be sealed"))
    case .unsupported:
      refuse(.notUnderstood(line: lineNumber, reason: "a version 1 host does not know this"))
    case .renaming:
      refuse(.notUnderstood(line: lineNumber, reason: "another name is wished for already"))
    }
  }

  private mutating func refuse(_ note: Note) {
    hasRefused = true
    front.tell(note)
  }
}
