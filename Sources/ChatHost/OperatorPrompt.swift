import ChatCore
import Glibc
import Sockets
import Terminal

/// The operator's side of a running host at a terminal: a prompt, with the room above it.
///
/// It shows what a ``Screen`` would, and what the operator's log notes, on the thread that edits the
/// line. A terminal that takes nothing, after Ctrl-S, delays only that.
package final class OperatorPrompt {
  /// The signals to be taken for it. SIGUSR1 asks for the figures.
  package static let signals: [Int32] = [
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGWINCH, SIGTSTP, SIGCONT,
  ]

  private let host: Host
  private let screen: Screen?
  private let signals: Signals
  private let history: InputHistory?
  private let isColored: Bool
  private let prompt: Prompt
  private var isHistoryBroken = false
  /// The user wants to close the room by a key.
  private var wasInterrupted = false
  private var isOver = false
  private var operatorLog: OperatorLog?
  /// Until when the room is not looked at, so that under load lines are shown in batches.
  private var pausedUntil: UInt64 = 0
  private static let pause: UInt64 = 10_000_000
  /// Choices for a completion that are shown.
  private static let choicesShown = 40

  /// - Parameter history: where typed lines are kept; nil for nowhere.
  /// - Returns: nil where this terminal cannot have a prompt.
  package init?(
    _ host: Host, _ screen: Screen?, signals: consuming Signals, history: InputHistory?,
    isColored: Bool
  ) {
    guard let prompt = Prompt(isColored: isColored, historySize: InputHistory.longest) else {
      return nil
    }
    self.host = host
    self.screen = screen
    self.signals = signals
    self.history = history
    self.isColored = isColored
    self.prompt = prompt
    prompt.wait = { [unowned self] in wait() }
    prompt.complete = { [unowned self] in
      Completion.of($0, OperatorCommand.table, names: Operator(of: self.host).names)
    }
    prompt.offer = { [unowned self] choices in
      let more = choices.count - Self.choicesShown
      let shown = choices.prefix(Self.choicesShown).joined(separator: "  ")
      tell(["  " + shown + (more > 0 ? "  and \(more) more" : "")])
    }
  }

  /// Serves the operator until a signal, a key or a command says to end; the terminal is then as it
  /// was before.
  /// - Parameter operatorLog: what is to be shown of it; nil where somebody else writes it.
  package func run(showing operatorLog: OperatorLog?) {
    self.operatorLog = operatorLog
    recall()
    while !isOver {
      switch prompt.read() {
      case .entered(let line): take(line)
      case .cleared: break
      case .stopped: isOver = true
      case .left:
        if wasInterrupted {
          isOver = true
        } else if !isOver {
          tell(["Ctrl-C or /quit closes the room."])
        }
      }
      wasInterrupted = false
    }
    prompt.close()
  }

  private func recall() {
    guard let history else { return }
    do throws(SystemError) {
      for entry in try history.load() { prompt.remember(entry) }
    } catch {
      tell(["What was typed before cannot be read from \(history.path): \(error.reason)"])
    }
  }

  // MARK: Lines

  private func take(_ line: String) {
    guard !line.unicodeScalars.allSatisfy(\.properties.isWhitespace) else { return }
    remember(line)
    switch Operator(of: host).take(line) {
    case .said: break
    case .answer(let answer): tell(answer.lines)
    case .quit: isOver = true
    }
  }

  private func remember(_ line: String) {
    prompt.remember(line)
    guard let history, !isHistoryBroken else { return }
    do throws(SystemError) {
      try history.append(line)
    } catch {
      // Once is enough.
      isHistoryBroken = true
      tell(["What is typed cannot be kept in \(history.path): \(error.reason)"])
    }
  }

  /// Shows lines of the host's own, which are fit to be shown.
  private func tell(_ lines: [String]) {
    guard !lines.isEmpty else { return }
    prompt.print(
      lines.map { StyledLine($0, .dim).text(isColored: isColored) + "\n" }.joined())
  }

  // MARK: Waiting

  private func wait() -> Prompt.Wait {
    // Keys are not taken while the terminal shows nothing.
    let isReady = (try? Sockets.wait(for: .writing, on: STDOUT_FILENO, timeout: 0)) ?? true
    let now = Clock.monotonic()
    let isPaused = now < pausedUntil
    var entries = [
      pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
      pollfd(fd: isReady ? STDIN_FILENO : -1, events: Int16(POLLIN), revents: 0),
      pollfd(fd: isReady ? -1 : STDOUT_FILENO, events: Int16(POLLOUT), revents: 0),
      pollfd(
        fd: isReady ? operatorLog?.descriptor ?? -1 : -1, events: Int16(POLLIN), revents: 0),
      pollfd(
        fd: isReady && !isPaused && screen != nil ? host.screenDescriptor : -1,
        events: Int16(POLLIN), revents: 0),
    ]
    let logIsDue = isReady ? operatorLog?.deadline : nil
    let next = min(isReady && isPaused ? pausedUntil : .max, logIsDue ?? .max)
    let timeout = next == .max ? -1 : Int32((max(next, now) - now) / 1_000_000 + 1)
    guard unsafe poll(&entries, nfds_t(entries.count), timeout) >= 0 else { return .nothing }
    if entries[0].revents != 0, let signal = signals.next() { return obey(signal) }
    if entries[4].revents != 0 { showRoom() }
    if let operatorLog,
      entries[3].revents != 0 || logIsDue.map({ $0 <= Clock.monotonic() }) ?? false
    {
      tell(operatorLog.takeLines())
    }
    guard entries[1].revents != 0 else { return .nothing }
    // Without a terminal there is nobody to operate the room, and SIGHUP says what becomes of it.
    if entries[1].revents & Int16(POLLIN) == 0 { isOver = true }
    return isOver ? .stop : .input
  }

  private func obey(_ signal: Int32) -> Prompt.Wait {
    switch signal {
    case SIGINT:
      wasInterrupted = true
      return .interrupt
    case SIGTSTP: prompt.suspend { signals.stopProcess() }
    case SIGWINCH: prompt.resized()
    case SIGCONT: prompt.resumed()
    case SIGUSR1: tell(OperatorAnswer.figures(Figures(of: host, asksWorkers: true)).lines)
    default:
      isOver = true
      return .stop
    }
    return .nothing
  }

  private func showRoom() {
    host.clearScreenWakeup()
    host.screenSleeps()
    while let bytes = screen?.next() {
      prompt.print(String(decoding: bytes, as: UTF8.self))
      guard (try? Sockets.wait(for: .writing, on: STDOUT_FILENO, timeout: 0)) ?? true else {
        // The rest waits in the room, up to a bound.
        host.wakeScreen()
        break
      }
    }
    pausedUntil = Clock.monotonic() + Self.pause
  }
}
