import ChatCore
import Sockets

/// What a client does that has no user at a prompt: each line of its input is a message.
package struct Script {
  private let front: PlainFront

  package init(_ front: PlainFront) { self.front = front }

  /// Converses until the input ends, the user leaves or the host closes. What is shown has been
  /// written then, unless a signal came or nobody reads it.
  package func run(
    _ client: inout Client, saying lines: inout LineInput, _ signals: borrowing Signals
  ) -> Client.Ending {
    let ending = converse(&client, &lines, signals)
    guard ending != .outputGone else { return ending }
    do throws(SystemError) {
      if client.isInterrupted { try front.flush() } else { try front.finish(signals) }
    } catch {
      return .outputGone
    }
    return ending
  }

  private func converse(
    _ client: inout Client, _ lines: inout LineInput, _ signals: borrowing Signals
  ) -> Client.Ending {
    while true {
      say(&lines, to: &client)
      if client.isAdmitted, lines.isAtEnd, lines.waitingBytes == 0, client.unsettledCount == 0 {
        return client.leave()
      }
      let readsInput = client.hasRoom && !lines.isAtEnd
      switch client.turn(signals, reading: readsInput ? lines.descriptor : nil) {
      case .input: lines.fill()
      case .ended(let ending): return ending
      case .shown, .signal: break
      }
    }
  }

  private func say(_ lines: inout LineInput, to client: inout Client) {
    while client.hasRoom, let line = lines.takeLine() {
      switch line {
      case .tooLong: front.tell(.tooLong)
      case .text(let text):
        do throws(ClientSession.SayFailure) {
          try client.say(text)
        } catch {
          if error == .tooLong { front.tell(.tooLong) }
        }
      }
    }
  }
}
