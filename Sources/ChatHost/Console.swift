import ChatCore
import Glibc
import Sockets

/// The operator's side of a running host: lines typed at it, and the signals that end it.
package struct Console: ~Copyable {
  private let host: Host
  private let signals: Signals
  private let report: (String) -> Void

  /// - Parameter report: shows a complaint to the operator.
  package init(
    _ host: Host, signals: consuming Signals, report: @escaping (String) -> Void
  ) {
    self.host = host
    self.signals = signals
    self.report = report
  }

  /// Serves the operator until a signal says to end. The end of the input does not.
  /// - Parameter input: lines that were read already, and where the others come from.
  package consuming func run(_ input: consuming LineInput) throws(SystemError) {
    var input = input
    try sayAll(&input)
    while true {
      var entries = [
        pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: input.isAtEnd ? -1 : input.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      let count = unsafe poll(&entries, nfds_t(entries.count), -1)
      guard count > 0 else { continue }
      if entries[0].revents != 0, signals.next() != nil { return }
      if entries[1].revents != 0 {
        input.fill()
        try sayAll(&input)
      }
    }
  }

  private func sayAll(_ input: inout LineInput) throws(SystemError) {
    while let line = input.takeLine() {
      switch line {
      case .tooLong: report("a line longer than \(Limits.clientLine) bytes was not said")
      case .text(let text):
        if text.unicodeScalars.allSatisfy(\.properties.isWhitespace) { continue }
        let now = Moment(
          monotonic: Clock.monotonic(), unixMilliseconds: Clock.unixMilliseconds())
        do throws(Room.SayFailure) {
          try host.say(text, at: now)
        } catch {
          report("that line was too long and was not said")
        }
      }
    }
  }
}
