/// A packet that a client sends and a host reads (PROTOCOL.md, sections 4 and 5).
///
/// Strings are still in the line that the packet was read from.
package enum ClientPacket {
  case auth(Auth)
  case authConfirm(confirm: JSONString)
  case chat(Chat)
  case nick(name: JSONString)
  case who
  case ping
  case pong
  case bye
  /// A type that this version does not know: ignored.
  case other

  package struct Auth {
    package let version: Int64
    package let name: JSONString?
    package let history: Int
    package let room: JSONString?
    package let since: Int64?
    package let token: JSONString?
    package let method: JSONString?
    package let share: JSONString?
    package let password: JSONString?
  }

  package struct Chat {
    package let body: Body
    package let to: JSONString?
    package let number: MessageNumber?

    package enum Body {
      case text(JSONString)
      case payload(JSONString)
    }
  }

  /// Reads a line, given without its line end.
  package init(_ line: Span<UInt8>) throws(PacketError) {
    var fields = PacketFields()
    try self.init(line, using: &fields)
  }

  /// As ``init(_:)``, reading into fields that are there already.
  init(_ line: Span<UInt8>, using fields: inout PacketFields) throws(PacketError) {
    try fields.read(line)
    let type = try fields.requiredString(.type)
    if type.hasEscapes {
      let bytes = JSONText.unescapedBytes(type, in: line)
      try self.init(type: bytes.span, fields, in: line)
    } else {
      try self.init(type: line.extracting(type.range), fields, in: line)
    }
  }

  private init(type: Span<UInt8>, _ fields: borrowing PacketFields, in line: Span<UInt8>)
    throws(PacketError)
  {
    if type.equals("chat") {
      self = .chat(try Chat(fields, in: line))
    } else if type.equals("auth") {
      self = .auth(try Auth(fields))
    } else if type.equals("auth_confirm") {
      self = .authConfirm(confirm: try fields.requiredString(.confirm))
    } else if type.equals("nick") {
      self = .nick(name: try fields.requiredString(.name))
    } else if type.equals("who") {
      self = .who
    } else if type.equals("ping") {
      self = .ping
    } else if type.equals("pong") {
      self = .pong
    } else if type.equals("bye") {
      self = .bye
    } else {
      self = .other
    }
  }
}

extension ClientPacket.Auth {
  init(_ fields: borrowing PacketFields) throws(PacketError) {
    version = try fields.version()
    name = try fields.string(.name)
    history = Int(try fields.integer(.history, in: 0...Limits.largestInteger) ?? 0)
    room = try fields.string(.room)
    since = try fields.integer(.since, in: 0...Int64.max)
    token = try fields.string(.token)
    method = try fields.string(.method)
    share = try fields.string(.share)
    password = try fields.string(.password)
  }
}

extension ClientPacket.Chat {
  init(_ fields: borrowing PacketFields, in line: Span<UInt8>) throws(PacketError) {
    let text = try fields.string(.text)
    let payload = try fields.string(.payload)
    let isEncrypted = try fields.bool(.encrypted) ?? false
    switch (text, payload, isEncrypted) {
    case (.some, .some, _): throw .textAndPayload
    case (let text?, nil, false): body = .text(text)
    case (nil, let payload?, true): body = .payload(payload)
    case (.some, nil, true): throw .missing(.payload)
    case (nil, _, false): throw .missing(.text)
    case (nil, nil, true): throw .missing(.payload)
    }
    to = try fields.string(.to)
    number = try MessageNumber(fields, in: line)
  }
}

extension Span<UInt8> {
  @inline(__always)
  func equals(_ literal: StaticString) -> Bool {
    count == literal.utf8CodeUnitCount && starts(with: literal)
  }
}
