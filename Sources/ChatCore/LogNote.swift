/// A line of a log file that is no packet: what a host started again has to know and the packets do
/// not say.
///
/// `{"type":"joined","join":41,"name":"alice","version":2}` and so on; a note that is not the last of
/// its step has `"more":true`.
package enum LogNote: Equatable, Sendable {
  /// A member is in the room: the id of its join, and whether it can come again by its token.
  case joined(join: Int64, name: String, hasToken: Bool)
  case left(join: Int64)
  case renamed(join: Int64, to: String)
  /// A message of this number has been delivered that stands in no packet: a private one.
  case said(MessageNumber, owner: Int64)
  /// The newest id, where no packet has it: one that a folded join has drawn.
  case drawn(id: Int64)
  /// Packets up to this id may have been sent that are not here: the room went on without its file.
  case lost(id: Int64)

  /// The note as a line of its own, its end included.
  package var line: [UInt8] {
    var writer = PacketWriter()
    write(to: &writer, hasMore: false)
    return writer.bytes
  }

  func write(to writer: inout PacketWriter, hasMore: Bool) {
    switch self {
    case .joined(let join, let name, let hasToken):
      writer.begin("joined")
      writer.key(",\"join\":")
      writer.integer(join)
      writer.key(",\"name\":")
      writer.string(name)
      writer.key(",\"version\":")
      writer.integer(hasToken ? 2 : 1)
    case .left(let join):
      writer.begin("left")
      writer.key(",\"join\":")
      writer.integer(join)
    case .renamed(let join, let name):
      writer.begin("renamed")
      writer.key(",\"join\":")
      writer.integer(join)
      writer.key(",\"name\":")
      writer.string(name)
    case .said(let number, let owner):
      writer.begin("said")
      writer.number(number)
      writer.key(",\"join\":")
      writer.integer(owner)
    case .drawn(let id):
      writer.begin("drawn")
      writer.key(",\"id\":")
      writer.integer(id)
    case .lost(let id):
      writer.begin("lost")
      writer.key(",\"id\":")
      writer.integer(id)
    }
    if hasMore { writer.key(",\"more\":true") }
    writer.end()
  }
}

/// A line of a log file.
enum LogLine: Equatable, Sendable {
  /// A `chat` of everybody's.
  case chat(id: Int64, from: String, MessageNumber?)
  /// A `system` packet, and whether notes belong to it.
  case system(id: Int64, hasNotes: Bool)
  /// The total is nil in a line that lacks it.
  case count(total: Int64?)
  case note(LogNote, hasMore: Bool)

  /// Reads a line, given without its line end.
  init(_ line: Span<UInt8>) throws(LogFailure.Reason) {
    do throws(PacketError) {
      let fields = try PacketFields(line)
      switch JSONText.text(try fields.requiredString(.type), in: line) {
      case "chat":
        self = .chat(
          id: try Self.id(fields), from: JSONText.text(try fields.requiredString(.from), in: line),
          try MessageNumber(fields, in: line))
        return
      case "system":
        let event = try fields.string(.event).map { JSONText.text($0, in: line) }
        self = .system(id: try Self.id(fields), hasNotes: event != "notice")
        return
      case "count":
        self = .count(total: try fields.integer(.total, in: 0...Limits.largestInteger))
        return
      case let type:
        let fields = try LogFields(line)
        if let note = LogNote(type, fields) {
          self = .note(note, hasMore: fields.bool("more") ?? false)
          return
        }
      }
    } catch {
      throw .line(error.reason)
    }
    throw .line("This is neither a packet nor a note.")
  }

  private static func id(_ fields: borrowing PacketFields) throws(PacketError) -> Int64 {
    guard let id = try fields.integer(.id, in: 1...Limits.largestInteger) else {
      throw .missing(.id)
    }
    return id
  }
}

extension LogNote {
  /// Reads a note; nil if this is none, or one that lacks something.
  fileprivate init?(_ type: String, _ fields: LogFields) {
    let join = fields.integer("join", in: 1...Limits.largestInteger)
    let name = fields.string("name")
    let id = fields.integer("id", in: 1...Limits.largestInteger)
    switch type {
    case "joined":
      guard let join, let name, let version = fields.integer("version", in: 1...2) else {
        return nil
      }
      self = .joined(join: join, name: name, hasToken: version == 2)
    case "left":
      guard let join else { return nil }
      self = .left(join: join)
    case "renamed":
      guard let join, let name else { return nil }
      self = .renamed(join: join, to: name)
    case "said":
      guard let join, let sid = fields.string("sid"), let sid = SenderID(sid.utf8Span.span),
        let n = fields.integer("n", in: 1...Limits.largestInteger)
      else { return nil }
      self = .said(MessageNumber(sid: sid, n: n), owner: join)
    case "drawn":
      guard let id else { return nil }
      self = .drawn(id: id)
    case "lost":
      guard let id else { return nil }
      self = .lost(id: id)
    default: return nil
    }
  }
}

/// An object of a log file by any key: the few lines that are no packets need no faster way.
struct LogFields {
  private enum Value {
    case string(String)
    case integer(Int64)
    case bool(Bool)
    case other
  }

  private var values: [String: Value] = [:]

  /// Reads a line; of a key that occurs twice the last counts, but ``PacketFields`` refuses those.
  init(_ line: Span<UInt8>) throws(PacketError) {
    var reader = JSONReader()
    try reader.expect(UInt8(ascii: "{"), in: line)
    if try reader.peek(in: line) == UInt8(ascii: "}") { return }
    repeat {
      guard try reader.peek(in: line) == UInt8(ascii: "\"") else {
        throw .syntax(at: reader.index)
      }
      let key = JSONText.text(try reader.string(in: line), in: line)
      try reader.expect(UInt8(ascii: ":"), in: line)
      values[key] =
        switch try reader.value(depth: 1, in: line) {
        case .string(let string): .string(JSONText.text(string, in: line))
        case .integer(let value): .integer(value)
        case .bool(let value): .bool(value)
        case .number, .null, .object, .array: .other
        }
    } while try !reader.endOfList(UInt8(ascii: "}"), in: line)
  }

  func integer(_ key: String, in range: ClosedRange<Int64>) -> Int64? {
    guard case .integer(let value) = values[key], range.contains(value) else { return nil }
    return value
  }

  func bool(_ key: String) -> Bool? {
    if case .bool(let value) = values[key] { value } else { nil }
  }

  func string(_ key: String) -> String? {
    if case .string(let value) = values[key] { value } else { nil }
  }

  /// Bytes in base64.
  func bytes(_ key: String) -> [UInt8]? {
    string(key).flatMap { Base64.decode($0.utf8Span.span) }
  }
}
