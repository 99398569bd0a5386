/// Writes packets as JSON lines (PROTOCOL.md, sections 1, 3 to 5).
///
/// Keys come in the order that the protocol's examples show. Strings that arrived escaped are
/// passed on as they came.
package struct PacketWriter {
  package private(set) var bytes: [UInt8] = []
  /// The last time written, and its key and digits: many packets share a millisecond.
  private var lastTime: Int64?
  private var lastTimeText: [UInt8] = []

  package init() {}

  /// Begins a packet, and forgets the last.
  package mutating func begin(_ type: StaticString) {
    bytes.removeAll(keepingCapacity: true)
    bytes.append("{\"type\":\"")
    bytes.append(type)
    bytes.append(UInt8(ascii: "\""))
  }

  /// Begins a packet with bytes that were made before.
  mutating func begin(with head: [UInt8]) {
    bytes.replaceSubrange(0..<bytes.count, with: head)
  }

  /// Ends the packet and its line.
  package mutating func end() { bytes.append("}\n") }

  /// `,"key":` with the comma and the quotation marks in the literal: `,"text":`.
  package mutating func key(_ literal: StaticString) { bytes.append(literal) }

  package mutating func string(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    JSONText.appendEscaped(text, to: &bytes)
    bytes.append(UInt8(ascii: "\""))
  }

  /// A string whose bytes are escaped already.
  package mutating func escaped(_ raw: borrowing Span<UInt8>) {
    bytes.append(UInt8(ascii: "\""))
    bytes.append(raw)
    bytes.append(UInt8(ascii: "\""))
  }

  /// A string whose bytes are escaped already.
  package mutating func escaped(_ raw: [UInt8]) { escaped(raw.span) }

  package mutating func integer(_ value: Int64) { bytes.append(decimal: value) }

  /// `,"time":` and a time in milliseconds since the Unix epoch.
  mutating func time(_ value: Int64) {
    if value != lastTime {
      lastTime = value
      lastTimeText.removeAll(keepingCapacity: true)
      lastTimeText.append(",\"time\":")
      lastTimeText.append(decimal: value)
    }
    bytes.append(contentsOf: lastTimeText)
  }

  /// Bytes as they are.
  mutating func raw(_ raw: borrowing Span<UInt8>) { bytes.append(raw) }

  package mutating func bool(_ value: Bool) { bytes.append(value ? "true" : "false") }

  package mutating func number(_ number: MessageNumber) {
    key(",\"sid\":")
    let sid = number.sid.bytes
    escaped(sid)
    key(",\"n\":")
    integer(number.n)
  }
}

extension PacketWriter {
  /// A packet of only a type.
  package static func bare(_ type: StaticString) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin(type)
    writer.end()
    return writer.bytes
  }

  package static func authResult(refused reason: String) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("auth_result")
    writer.key(",\"ok\":false,\"reason\":")
    writer.string(reason)
    writer.end()
    return writer.bytes
  }

  package static func authChallenge(_ challenge: any AdmissionChallenge) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("auth_challenge")
    writer.key(",\"share\":")
    writer.escaped(Base64.encode(challenge.share))
    writer.key(",\"confirm\":")
    writer.escaped(Base64.encode(challenge.confirmation))
    writer.end()
    return writer.bytes
  }

  package static func error(_ code: ErrorCode, _ reason: String, n: Int64? = nil) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("error")
    writer.key(",\"code\":")
    writer.string(code.rawValue)
    writer.key(",\"reason\":")
    writer.string(reason)
    if let n {
      writer.key(",\"n\":")
      writer.integer(n)
    }
    writer.end()
    return writer.bytes
  }

  /// A sealed message as it reads once opened, without a line end: for programs that read packets.
  static func opened(_ chat: HostPacket.Chat) -> [UInt8] {
    guard case .text(let text) = chat.body else { return [] }
    var writer = PacketWriter()
    writer.begin("chat")
    writer.key(",\"encrypted\":true,\"from\":")
    writer.string(chat.from)
    if let to = chat.to {
      writer.key(",\"to\":")
      writer.string(to)
    }
    writer.key(",\"text\":")
    writer.string(text)
    writer.idAndTime(chat.id, chat.time)
    if let number = chat.number { writer.number(number) }
    writer.end()
    return Array(writer.bytes.dropLast())
  }

  /// The same for a version 1 host's system packet.
  static func opened(_ system: HostPacket.System) -> [UInt8] {
    guard case .text(let text) = system.body else { return [] }
    var writer = PacketWriter()
    writer.begin("system")
    writer.key(",\"encrypted\":true,\"text\":")
    writer.string(text)
    writer.idAndTime(system.id, system.time)
    writer.end()
    return Array(writer.bytes.dropLast())
  }

  private mutating func idAndTime(_ id: Int64?, _ time: Int64?) {
    if let id {
      key(",\"id\":")
      integer(id)
    }
    if let time {
      key(",\"time\":")
      integer(time)
    }
  }

  /// A notice for one connection alone: it has no id, for it is not in the stream.
  static func notice(_ text: String, at now: Moment) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("system")
    writer.key(",\"encrypted\":false,\"event\":\"notice\",\"text\":")
    writer.string(text)
    writer.key(",\"time\":")
    writer.integer(now.unixMilliseconds)
    writer.end()
    return writer.bytes
  }

  package static func ack(n: Int64) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("ack")
    writer.key(",\"n\":")
    writer.integer(n)
    writer.end()
    return writer.bytes
  }

  package static func bye(_ farewell: Farewell) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("bye")
    writer.key(",\"code\":")
    writer.string(farewell.code)
    writer.key(",\"reason\":")
    writer.string(farewell.reason)
    writer.end()
    return writer.bytes
  }
}

/// The `code` of an `error` packet (section 5).
package enum ErrorCode: String, Sendable {
  case invalidPacket = "invalid_packet"
  case tooLong = "too_long"
  case invalidName = "invalid_name"
  case noSuchMember = "no_such_member"
  case decryptFailed = "decrypt_failed"
  case notAllowed = "not_allowed"
}

/// Why a host closes: the `code` and `reason` of its `bye` (section 5).
package enum Farewell: Equatable, Sendable {
  case shutdown, tooSlow, timeout, takenOver
  /// Packets that it missed were promised, and cannot be read: it is to come again, and learn of a gap.
  case historyGone
  case kicked(reason: String)

  package var code: String {
    switch self {
    case .shutdown: "shutdown"
    case .tooSlow: "too_slow"
    case .timeout, .historyGone: "timeout"
    case .takenOver: "taken_over"
    case .kicked: "kicked"
    }
  }

  package var reason: String {
    switch self {
    case .shutdown: "The host is shutting down."
    case .tooSlow: "You do not read fast enough."
    case .timeout: "Nothing was heard from you."
    case .historyGone: "What you missed is not in the log any more."
    case .takenOver: "Your name was taken up by a new connection."
    case .kicked(let reason): reason
    }
  }
}
