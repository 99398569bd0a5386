import ChatCore
import Glibc
import Sockets
import Terminal

/// What a client does that has a user at a prompt.
package final class Dialogue {
  /// The signals to be taken for it.
  package static let signals: [Int32] = [
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT,
  ]
  /// Those that end it; Ctrl-C clears a line first.
  package static let endingSignals: [Int32] = [SIGTERM, SIGHUP, SIGQUIT]

  /// How long a user who leaves waits for what was said last to be in the room, in nanoseconds: a little
  /// longer than a host lets a private message wait for its recipient.
  private static let farewellTime = Limits.lostMemberGrace + 1_000_000_000
  /// Choices for a completion that are shown.
  private static let choicesShown = 40

  package private(set) var client: Client
  private let signals: Signals
  private let front: PromptFront
  private let history: InputHistory?
  private let settings: PromptSettings
  private var prompt: Prompt?
  private var ending: Client.Ending?
  private var wasAdmitted = false
  private var isHistoryBroken = false

  /// - Parameter history: where typed lines are kept; nil for nowhere.
  package init(
    _ client: consuming Client, _ front: PromptFront, _ settings: PromptSettings,
    history: InputHistory?, _ signals: consuming Signals
  ) {
    self.client = client
    self.front = front
    self.settings = settings
    self.history = history
    self.signals = signals
  }

  /// Tries at once to have the connection again.
  package func retryNow() { client.retryNow() }

  /// Whether the room has been joined.
  package var hasJoined: Bool { client.hasJoined }

  /// Messages of which it is not known whether they are in the room.
  package var unsettledCount: Int { client.unsettledCount + client.unknownCount }

  /// Converses until the user leaves or the host closes. The terminal is then as it was before, unless
  /// the client needs something: then the prompt waits, and goes on with the line that was begun.
  package func run() -> Client.Ending {
    let ending = converse()
    if case .needs = ending { return ending }
    close()
    return ending
  }

  /// Gives the terminal back.
  package func close() {
    prompt?.close()
    prompt = nil
    front.prompt = nil
    try? front.flush()
  }

  private func converse() -> Client.Ending {
    while !client.hasJoined {
      switch client.turn(signals, reading: nil) {
      case .ended(let ending): return ending
      case .signal(SIGINT): return .interrupted
      case .signal(SIGTSTP): signals.stopProcess()
      case .signal, .shown, .input: break
      }
    }
    guard prompt != nil || open() else {
      return .refused(
        "this terminal cannot have a prompt", hint: "set TERM=dumb to do without one")
    }
    while let prompt {
      switch prompt.read() {
      case .entered(let line): if let ending = take(line) { return ending }
      case .cleared: break
      case .left: return leave()
      case .stopped:
        let ending = ending ?? .closed(reason: nil)
        self.ending = nil
        return ending
      }
    }
    return .outputGone
  }

  private func open() -> Bool {
    guard
      let prompt = Prompt(
        isColored: settings.isColored, historySize: InputHistory.longest)
    else { return false }
    self.prompt = prompt
    front.prompt = prompt
    prompt.wait = { [unowned self] in wait() }
    prompt.complete = { [unowned self] in Completion.of($0, PromptCommand.table, names: front.names)
    }
    prompt.offer = { [unowned self] in offer($0) }
    guard let history else { return true }
    do throws(SystemError) {
      for entry in try history.load() { prompt.remember(entry) }
    } catch {
      front.tell("What was typed before cannot be read from \(history.path): \(error.reason)")
    }
    return true
  }

  // MARK: Waiting

  private func wait() -> Prompt.Wait {
    if client.isAdmitted, !wasAdmitted { askWhoIsThere() }
    wasAdmitted = client.isAdmitted
    // Keys are not taken while the terminal shows nothing, after Ctrl-S.
    front.isStopped = !isTerminalReady
    let input = front.waitingOutput == nil ? STDIN_FILENO : nil
    switch client.turn(signals, reading: input, until: front.isStopped ? nil : front.due) {
    case .input: return .input
    case .shown: return .nothing
    case .ended(let ending):
      self.ending = ending
      if client.isInterrupted { prompt?.goOn() }
      return .stop
    case .signal(SIGINT): return .interrupt
    case .signal(SIGTSTP): prompt?.suspend { signals.stopProcess() }
    case .signal(SIGWINCH): prompt?.resized()
    case .signal(SIGCONT): prompt?.resumed()
    case .signal: break
    }
    return .nothing
  }

  private var isTerminalReady: Bool {
    (try? Sockets.wait(for: .writing, on: STDOUT_FILENO, timeout: 0)) ?? true
  }

  /// For completion. A version 1 host cannot tell.
  private func askWhoIsThere() {
    guard (try? client.askForMembers()) != nil else { return }
    front.expectMembers(shown: false)
  }

  private func offer(_ choices: [String]) {
    let more = choices.count - Self.choicesShown
    let shown = choices.prefix(Self.choicesShown).joined(separator: "  ")
    front.explain(["  " + shown + (more > 0 ? "  and \(more) more" : "")])
  }

  // MARK: Lines

  /// Does what a line asks for; not nil when that ends it.
  private func take(_ line: String) -> Client.Ending? {
    if !client.isAdmitted { client.retryNow() }
    if line.unicodeScalars.allSatisfy(\.properties.isWhitespace) { return nil }
    remember(line)
    do throws(SlashCommands.Failure) {
      return try perform(try PromptCommand(line, names: front.names), line)
    } catch {
      front.tell(error.reason)
      return nil
    }
  }

  private func remember(_ line: String) {
    prompt?.remember(line)
    guard let history, !isHistoryBroken else { return }
    do throws(SystemError) {
      try history.append(line)
    } catch {
      // Once is enough.
      isHistoryBroken = true
      front.tell("What is typed cannot be kept in \(history.path): \(error.reason)")
    }
  }

  private func perform(
    _ command: PromptCommand, _ line: String
  ) throws(SlashCommands.Failure) -> Client.Ending? {
    switch command {
    case .say(let text): say(text, to: nil, line)
    case .message(let name, let text): say(text, to: name, line)
    case .reply(let text):
      guard let name = front.correspondent else {
        front.tell("Nobody has written to you alone yet.")
        break
      }
      say(text, to: name, line)
    case .action(let text): say("* \(text)", to: nil, line)
    case .nick(let name):
      ask { client throws(ClientSession.SayFailure) in
        try client.rename(to: name)
      }
    case .who:
      ask { client throws(ClientSession.SayFailure) in
        try client.askForMembers()
        front.expectMembers(shown: true)
      }
    case .ignore(let name): ignore(name)
    case .clear: prompt?.clearScreen()
    case .save(let path): save(to: path)
    case .bell(let bell):
      if let bell { front.bell = bell }
      front.tell("The bell rings for: \(front.bell.rawValue)")
    case .help: front.explain(PromptCommand.table.helpLines)
    case .quit: return leave()
    }
    return nil
  }

  private func say(_ text: String, to recipient: String?, _ line: String) {
    guard client.hasRoom else {
      prompt?.giveBack(line)
      front.tell("Too much waits to be said already.")
      return
    }
    ask { client throws(ClientSession.SayFailure) in try client.say(text, to: recipient) }
  }

  private func ask(
    _ act: (inout Client) throws(ClientSession.SayFailure) -> Void
  ) {
    do throws(ClientSession.SayFailure) {
      try act(&client)
    } catch {
      switch error {
      case .blank: break
      // Up calls it back; shown at once it would push these words off the screen.
      case .tooLong: front.tell(.tooLong)
      case .notSealed: front.tell("It cannot be sealed.")
      case .unsupported: front.tell("A version 1 host does not know this.")
      case .renaming: front.tell("Another name is wished for already.")
      }
    }
  }

  private func ignore(_ name: String?) {
    guard let name else {
      let all = front.ignored.sorted().joined(separator: ", ")
      return front.tell(all.isEmpty ? "Nobody is ignored." : "Ignored: \(all)")
    }
    front.tell(
      front.toggleIgnored(name)
        ? "What \(name) says is not shown any more; /ignore \(name) again shows it."
        : "What \(name) says is shown again.")
  }

  private func save(to path: String) {
    var path = path
    if path.hasPrefix("~/"), let home = Machine.homeDirectory {
      path = home + path.dropFirst()
    }
    do throws(SystemError) {
      let text = front.transcript.text
      try StagedFile.write(text.utf8Span.span, for: path, mode: 0o600).create()
      front.tell("Saved to \(path)")
    } catch {
      front.tell("Not saved to \(path): \(error.reason)")
    }
  }

  // MARK: Leaving

  /// Leaves once all that was said is in the room, or after a while, or at Ctrl-C.
  private func leave() -> Client.Ending {
    let deadline = Clock.monotonic() + Self.farewellTime
    while client.isAdmitted, client.unsettledCount > 0, Clock.monotonic() < deadline {
      switch client.turn(
        signals, reading: nil, until: min(deadline, (front.isStopped ? nil : front.due) ?? deadline)
      ) {
      case .ended(let ending): return ending
      case .signal(SIGINT): return client.leave()
      case .signal, .shown, .input: break
      }
    }
    return client.leave()
  }
}
