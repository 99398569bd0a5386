import ChatCore
import Glibc
import Sockets

/// The operator's side of a running host: lines that come on standard input, and the signals that end
/// it.
package struct Console: ~Copyable {
  private let host: Host
  private let signals: Signals
  private let answer: (OperatorAnswer) -> Void

  /// The signals to be taken for it. SIGUSR1 asks for the figures.
  package static let signals: [Int32] = [SIGINT, SIGTERM, SIGHUP, SIGUSR1]

  /// - Parameter answer: shows the operator what came of a line.
  package init(
    _ host: Host, signals: consuming Signals, answer: @escaping (OperatorAnswer) -> Void
  ) {
    self.host = host
    self.signals = signals
    self.answer = answer
  }

  /// Serves the operator until a signal or a command says to end. The end of the input does not.
  /// - Parameter input: lines that were read already, and where the others come from.
  package consuming func run(_ input: consuming LineInput) {
    var input = input
    if takeAll(&input) { return }
    while true {
      var entries = [
        pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: input.isAtEnd ? -1 : input.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      let count = unsafe poll(&entries, nfds_t(entries.count), -1)
      guard count > 0 else { continue }
      if entries[0].revents != 0, let signal = signals.next() {
        guard signal == SIGUSR1 else { return }
        answer(.figures(Figures(of: host, asksWorkers: true)))
      }
      if entries[1].revents != 0 {
        input.fill()
        if takeAll(&input) { return }
      }
    }
  }

  /// Does what the lines say that are there; true when they say to end.
  private func takeAll(_ input: inout LineInput) -> Bool {
    while let line = input.takeLine() {
      switch line {
      case .tooLong:
        answer(.failed("A line longer than \(Limits.clientLine) bytes was not said."))
      case .text(let text):
        switch Operator(of: host).take(text) {
        case .said: break
        case .answer(let words): answer(words)
        case .quit: return true
        }
      }
    }
    return false
  }
}
