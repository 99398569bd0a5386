import ChatCore
import Sockets

/// A message that a script waits for: one that somebody else says after the script has come.
package final class Expectation {
  private var expression: RegularExpression
  private var name = ""
  private var room: String?
  /// The last id of the room's stream when this client came; nil before.
  private var admission: Int64?
  package private(set) var isMet = false

  package init(_ pattern: String) throws(RegularExpression.Failure) {
    expression = try RegularExpression(pattern)
  }

  /// Whether this is the message, the first that matches.
  func isMet(by packet: HostPacket) -> Bool {
    switch packet {
    case .hello(let hello):
      // Another room counts from its own beginning.
      if hello.room != room { admission = nil }
      room = hello.room
    case .authResult(.accepted(let result)):
      name = result.name
      admission = admission ?? result.id ?? 0
    case .system(let system):
      if system.event == "rename", system.name == name, system.token != nil, let to = system.to {
        name = to
      }
    case .chat(let chat):
      guard !isMet, chat.from != name, let admission, chat.id ?? .max > admission,
        let line = Transcript.line(for: packet), expression.matches(line)
      else { return false }
      isMet = true
      return true
    default: break
    }
    return false
  }
}
