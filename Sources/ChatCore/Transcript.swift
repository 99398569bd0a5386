/// The lines that people see of a room, at the client, at the host and as a text client. They are
/// the program's interface: they stay word for word.
package enum Transcript {
  package static func joined(_ name: String, from address: String) -> String {
    "\(name) joined from \(address)"
  }
  package static func left(_ name: String) -> String { "\(name) disconnected." }
  package static func kicked(_ name: String, reason: String) -> String {
    reason.isEmpty ? "\(name) was put out." : "\(name) was put out: \(reason)"
  }
  package static func renamed(_ name: String, to other: String) -> String {
    "\(name) is now known as \(other)."
  }
  package static func folded(joins: Int, leaves: Int) -> String {
    switch (joins, leaves) {
    case (_, 0): "\(clints(joins)) joined."
    case (0, _): "\(clints(leaves)) disconnected."
    default: "\(clints(joins)) joined, \(leaves) disconnected."
    }
  }
  private static func clints(_ count: Int) -> String { count == 1 ? "1 clint" : "\(count) clints" }

  package static func count(_ total: Int) -> String { "+ Total connected clints: [\(total)]" }
  package static func connection(from address: String) -> String { "Connection from \(address)" }

  /// A public message.
  package static func chat(from name: String, _ text: String) -> String {
    "\(DisplayText.line(name)): \(DisplayText.paragraph(text))"
  }
  /// A private message. No name begins with a bracket, so nobody's public line looks like it.
  package static func chat(from name: String, to other: String, _ text: String) -> String {
    "[\(DisplayText.line(name)) -> \(DisplayText.line(other))] \(DisplayText.paragraph(text))"
  }
  package static func system(_ text: String) -> String { DisplayText.line(text) }
  package static func members(_ names: [String], total: Int) -> String {
    let more = total > names.count ? " and \(total - names.count) more" : ""
    return "Members [\(total)]: \(names.map(DisplayText.line).joined(separator: ", "))\(more)"
  }
  package static func error(_ reason: String) -> String { "! \(DisplayText.line(reason))" }
  package static func bye(_ reason: String) -> String {
    "Connection closed by remote host: \(DisplayText.line(reason))"
  }

  /// The line a packet is shown as; nil for one that shows nothing.
  package static func line(for packet: HostPacket) -> String? {
    switch packet {
    case .chat(let chat):
      guard case .text(let text) = chat.body else { return nil }
      if let to = chat.to { return self.chat(from: chat.from, to: to, text) }
      return self.chat(from: chat.from, text)
    case .system(let system):
      guard case .text(let text) = system.body else { return nil }
      return self.system(text)
    case .count(let total): return count(Int(total))
    case .members(let total, let names): return members(names, total: Int(total))
    case .error(_, let reason, _): return error(reason)
    case .hello, .authChallenge, .authResult, .ack, .bye, .ping, .pong, .other: return nil
    }
  }
}
