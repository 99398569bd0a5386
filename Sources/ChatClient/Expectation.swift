import ChatCore
import Sockets

/// A message that a script waits for: one that somebody else says after the script has come.
package final class Expectation {
  private var expression: RegularExpression
  private var name = ""
  private var joinPoint = JoinPoint()
  package private(set) var isMet = false

  package init(_ pattern: String) throws(RegularExpression.Failure) {
    expression = try RegularExpression(pattern)
  }

  /// Whether this is the message, the first that matches.
  func isMet(by packet: HostPacket) -> Bool {
    joinPoint.note(packet)
    switch packet {
    case .authResult(.accepted(let admission)):
      name = admission.name
    case .system(let system):
      if system.event == "rename", system.name == name, system.token != nil, let to = system.to {
        name = to
      }
    case .chat(let chat):
      guard !isMet, chat.from != name, !joinPoint.isPast(chat),
        let line = Transcript.line(for: packet), expression.matches(line)
      else { return false }
      isMet = true
      return true
    default: break
    }
    return false
  }
}
