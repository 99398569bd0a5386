/// What is wrong with a line that should hold a packet (PROTOCOL.md, section 1).
package enum PacketError: Error, Equatable, Sendable {
  /// RFC 8259 rejects the text at this byte.
  case syntax(at: Int)
  case invalidUTF8(at: Int)
  case unpairedSurrogate(at: Int)
  case tooDeep
  case duplicateKey(at: Int)
  case notAnObject
  case missing(Key)
  case mistyped(Key)
  case textAndPayload

  /// The words for an `error` packet and for people.
  package var reason: String {
    switch self {
    case .syntax(let at): "Not valid JSON at byte \(at + 1)."
    case .invalidUTF8(let at): "Not valid UTF-8 at byte \(at + 1)."
    case .unpairedSurrogate(let at): "Unpaired surrogate at byte \(at + 1)."
    case .tooDeep: "Nested deeper than \(Limits.nesting)."
    case .duplicateKey(let at): "A key occurs twice, at byte \(at + 1)."
    case .notAnObject: "A packet is a JSON object."
    case .missing(let key): "\"\(key.text)\" is missing."
    case .mistyped(let key): "\"\(key.text)\" has the wrong type or value."
    case .textAndPayload: "Both text and payload are there."
    }
  }
}
