/// A packet that a program writes to the client's standard input (`--json-input`): what a client may
/// send in a room, without what the client adds by itself (`sid`, `n`, the seal).
package enum InputPacket: Equatable, Sendable {
  case chat(text: String, to: String?)
  case nick(String)
  case who
  case ping
  case bye

  package struct Failure: Error, Equatable, Sendable {
    package let reason: String
  }

  /// Reads a line, given without its line end.
  package init(_ text: String) throws(Failure) {
    let line = Array(text.utf8)
    let packet: ClientPacket
    do throws(PacketError) {
      packet = try ClientPacket(line.span)
    } catch {
      throw Failure(reason: error.reason)
    }
    switch packet {
    case .chat(let chat):
      guard case .text(let text) = chat.body else {
        throw Failure(reason: "a message is given in the open: the client seals it")
      }
      self = .chat(
        text: JSONText.text(text, in: line.span),
        to: chat.to.map { JSONText.text($0, in: line.span) })
    case .nick(let name): self = .nick(JSONText.text(name, in: line.span))
    case .who: self = .who
    case .ping: self = .ping
    case .bye: self = .bye
    case .auth, .authConfirm, .pong, .other:
      throw Failure(reason: "the type is none of chat, nick, who, ping and bye")
    }
  }
}
