/// A packet that a host sends and a client reads (PROTOCOL.md, sections 3 to 5).
package enum HostPacket: Equatable, Sendable {
  case hello(Hello)
  case authChallenge(share: String, confirm: String)
  case authResult(AuthResult)
  case chat(Chat)
  case system(System)
  case count(total: Int64)
  case members(total: Int64, names: [String])
  case ack(n: Int64)
  case error(code: String, reason: String, n: Int64?)
  case bye(code: String, reason: String)
  case ping
  case pong
  /// A type that this version does not know: ignored.
  case other

  package struct Hello: Equatable, Sendable {
    package let isSecure: Bool
    package let version: Int64
    package let requiresTLS: Bool
    package let room: String?
    package let auth: [String]
    package let salt: String?
    package let software: String?
  }

  package enum AuthResult: Equatable, Sendable {
    case accepted(Admission)
    case refused(reason: String)
  }

  package struct Admission: Equatable, Sendable {
    package let name: String
    package let id: Int64?
    package let total: Int64?
    package let token: String?
    package let isGap: Bool
  }

  package struct Chat: Equatable, Sendable {
    package let from: String
    package let body: Body
    package let id: Int64?
    package let time: Int64?
    package let to: String?
    package let number: MessageNumber?

    package enum Body: Equatable, Sendable {
      case text(String)
      case payload(String)
    }
  }

  package struct System: Equatable, Sendable {
    package let event: String?
    package let name: String?
    package let to: String?
    /// The text, or a version 1 host's payload.
    package let body: Chat.Body
    package let id: Int64?
    package let time: Int64?
    package let token: String?
  }

  /// Reads a line, given without its line end.
  package init(_ line: Span<UInt8>) throws(PacketError) {
    let fields = try PacketFields(line)
    func text(_ key: Key) throws(PacketError) -> String? {
      try fields.string(key).map { JSONText.text($0, in: line) }
    }
    func required(_ key: Key) throws(PacketError) -> String {
      JSONText.text(try fields.requiredString(key), in: line)
    }
    func number(_ key: Key) throws(PacketError) -> Int64? {
      try fields.integer(key, in: 0...Limits.largestInteger)
    }
    func requiredNumber(_ key: Key) throws(PacketError) -> Int64 {
      guard let value = try number(key) else { throw .missing(key) }
      return value
    }
    func body() throws(PacketError) -> Chat.Body {
      if fields.has(.payload), fields.has(.text) { throw .textAndPayload }
      if try fields.bool(.encrypted) ?? false { return .payload(try required(.payload)) }
      return .text(try required(.text))
    }
    switch try required(.type) {
    case "hello":
      guard let isSecure = try fields.bool(.secure) else { throw .missing(.secure) }
      self = .hello(
        Hello(
          isSecure: isSecure, version: try fields.version(),
          requiresTLS: try text(.tls) == "required", room: try text(.room),
          auth: try fields.strings(.auth, in: line) ?? [], salt: try text(.salt),
          software: try text(.software)))
    case "auth_challenge":
      self = .authChallenge(share: try required(.share), confirm: try required(.confirm))
    case "auth_result":
      guard let ok = try fields.bool(.ok) else { throw .missing(.ok) }
      if !ok {
        self = .authResult(.refused(reason: try text(.reason) ?? "Refused."))
        return
      }
      self = .authResult(
        .accepted(
          Admission(
            name: try required(.clientName), id: try number(.id), total: try number(.total),
            token: try text(.token), isGap: try fields.bool(.gap) ?? false)))
    case "chat":
      self = .chat(
        Chat(
          from: try required(.from), body: try body(), id: try number(.id),
          time: try number(.time), to: try text(.to),
          number: try MessageNumber(fields, in: line)))
    case "system":
      self = .system(
        System(
          event: try text(.event), name: try text(.name), to: try text(.to), body: try body(),
          id: try number(.id), time: try number(.time), token: try text(.token)))
    case "count": self = .count(total: try requiredNumber(.total))
    case "members":
      guard let names = try fields.strings(.names, in: line) else { throw .missing(.names) }
      self = .members(total: try requiredNumber(.total), names: names)
    case "ack": self = .ack(n: try requiredNumber(.n))
    case "error":
      self = .error(
        code: try required(.code), reason: try text(.reason) ?? "", n: try number(.n))
    case "bye": self = .bye(code: try text(.code) ?? "", reason: try text(.reason) ?? "")
    case "ping": self = .ping
    case "pong": self = .pong
    default: self = .other
    }
  }
}

extension HostPacket.Chat {
  /// The same message with its text in the open.
  func with(text: String) -> Self {
    Self(from: from, body: .text(text), id: id, time: time, to: to, number: number)
  }
}

extension HostPacket.System {
  /// The same packet with its text in the open.
  func with(text: String) -> Self {
    Self(
      event: event, name: name, to: to, body: .text(text), id: id, time: time, token: token)
  }
}
