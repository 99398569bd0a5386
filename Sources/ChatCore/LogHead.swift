/// The first line of a log file: what the room is, and where in its stream the file begins.
///
/// It holds the key of tokens, so a log file is as secret as a password (mode 0600).
package struct LogHead: Equatable, Sendable {
  /// How the file is written; another number is another program's.
  package static let format: Int64 = 1

  package enum Mode: String, Equatable, Sendable {
    case plain, tls, secure
  }

  /// Whether all that the room has sent is in the file; false once the room has gone on without it.
  package var isWhole = true
  /// The 16 bytes that name the room.
  package var room: [UInt8]
  package var mode: Mode
  /// The salt of the password, 16 bytes; nil for a room without one.
  package var salt: [UInt8]?
  /// Something sealed with the room's password, to tell another one by; nil for a room without one.
  package var check: [UInt8]?
  /// The host's own, for messages that it seals itself.
  package var sid: SenderID
  /// 32 bytes.
  package var tokenKey: [UInt8]
  /// The id before the file's first packet.
  package var lastID: Int64 = 0
  /// The id before the first packet from which on nothing is missing, in this file and those before.
  package var wholeFrom: Int64 = 0
  /// The last of the host's own numbers for sealed messages.
  package var hostNumber: Int64 = 0
  /// The last number of a name that the host gave.
  package var lastNumber: Int64 = 0

  package init(
    room: [UInt8], mode: Mode, salt: [UInt8]? = nil, check: [UInt8]? = nil, sid: SenderID,
    tokenKey: [UInt8]
  ) {
    self.room = room
    self.mode = mode
    self.salt = salt
    self.check = check
    self.sid = sid
    self.tokenKey = tokenKey
  }

  static let beginning: StaticString = "{\"type\":\"log\",\"format\":"

  /// The bytes before ``isWhole``, which has a fixed place and size so that it can be changed on a
  /// full disk.
  private static let beginningOfWhole = Array("{\"type\":\"log\",\"format\":1,\"whole\":".utf8)
  package static var offsetOfWhole: Int { beginningOfWhole.count }
  /// What stands there for true and for false.
  package static func whole(_ isWhole: Bool) -> [UInt8] {
    Array((isWhole ? "true " : "false").utf8)
  }

  /// What the password's check is sealed for.
  package static func checkedData(room: [UInt8]) -> [UInt8] {
    Array("netchat/2 log\n\(Hexadecimal.encode(room))".utf8)
  }

  /// The line, its end included.
  package var line: [UInt8] {
    var writer = PacketWriter()
    writer.begin(with: Self.beginningOfWhole + Self.whole(isWhole))
    writer.key(",\"software\":")
    writer.string(Software.name)
    writer.key(",\"room\":")
    writer.string(Hexadecimal.encode(room))
    writer.key(",\"mode\":")
    writer.string(mode.rawValue)
    if let salt {
      writer.key(",\"salt\":")
      writer.escaped(Base64.encode(salt))
    }
    if let check {
      writer.key(",\"check\":")
      writer.escaped(Base64.encode(check))
    }
    writer.key(",\"sid\":")
    writer.escaped(sid.bytes)
    writer.key(",\"token_key\":")
    writer.escaped(Base64.encode(tokenKey))
    writer.key(",\"id\":")
    writer.integer(lastID)
    writer.key(",\"whole_from\":")
    writer.integer(wholeFrom)
    writer.key(",\"host_n\":")
    writer.integer(hostNumber)
    writer.key(",\"clints\":")
    writer.integer(lastNumber)
    writer.end()
    return writer.bytes
  }

  /// Reads the line, given without its end.
  package init(_ line: Span<UInt8>) throws(LogFailure.Reason) {
    let fields: LogFields
    do throws(PacketError) {
      // It also refuses a key that occurs twice.
      _ = try PacketFields(line)
      fields = try LogFields(line)
    } catch {
      throw .notALog
    }
    let integers = 0...Limits.largestInteger
    guard fields.string("type") == "log", let format = fields.integer("format", in: integers) else {
      throw .notALog
    }
    guard format == Self.format else { throw .otherFormat(format) }
    guard let isWhole = fields.bool("whole"),
      let room = fields.string("room").flatMap({ Hexadecimal.decode($0) }), room.count == 16,
      let mode = fields.string("mode").flatMap({ Mode(rawValue: $0) }),
      let sid = fields.string("sid").flatMap({ SenderID($0.utf8Span.span) }),
      let tokenKey = fields.bytes("token_key"), tokenKey.count == 32,
      let lastID = fields.integer("id", in: 0...Limits.largestLogID),
      let wholeFrom = fields.integer("whole_from", in: 0...lastID),
      let hostNumber = fields.integer("host_n", in: integers),
      let lastNumber = fields.integer("clints", in: integers)
    else { throw .line("The first line lacks something.") }
    self.init(
      room: room, mode: mode, salt: fields.bytes("salt"), check: fields.bytes("check"), sid: sid,
      tokenKey: tokenKey)
    if mode == .secure, salt?.count != 16 || check == nil {
      throw .line("The first line lacks something.")
    }
    // What is changed in its place must be in its place.
    guard Self.begins(line, with: Self.beginningOfWhole + Self.whole(isWhole)) else {
      throw .line("The first line was written by another program.")
    }
    self.isWhole = isWhole
    self.lastID = lastID
    self.wholeFrom = wholeFrom
    self.hostNumber = hostNumber
    self.lastNumber = lastNumber
  }

  private static func begins(_ line: Span<UInt8>, with bytes: [UInt8]) -> Bool {
    line.count >= bytes.count && bytes.indices.allSatisfy { line[$0] == bytes[$0] }
  }

  /// Whether bytes without a line end are, or may be, the beginning of such a line.
  static func mayBegin(with bytes: Span<UInt8>) -> Bool {
    let known = Self.beginning.utf8CodeUnitCount
    if bytes.count >= known { return bytes.starts(with: Self.beginning) }
    return Self.beginning.withUTF8Buffer { beginning in
      bytes.indices.allSatisfy { unsafe bytes[$0] == beginning[$0] }
    }
  }
}

/// Why a log file is of no use.
package struct LogFailure: Error, Equatable, Sendable {
  package enum Reason: Error, Equatable, Sendable {
    case notALog
    case otherFormat(Int64)
    /// What is wrong with a line.
    case line(String)
    case lineTooLong
    /// More members, or more in one step, than a room has.
    case tooMuch
  }

  /// From 1 on.
  package let line: Int
  package let reason: Reason

  /// The words for people, as they stand after a colon.
  package var words: String {
    switch reason {
    case .notALog: "this is not a log of netchat's"
    case .otherFormat(let format):
      "it is of format \(format), and this program reads format \(LogHead.format)"
    case .line(let reason): "line \(line) is damaged: \(reason)"
    case .lineTooLong: "line \(line) is longer than \(Limits.hostLine) bytes"
    case .tooMuch: "line \(line) is of more members than a room has"
    }
  }
}
