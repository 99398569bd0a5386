import Foundation
import Testing

@testable import ChatCore

/// A room with its connections, all in memory: what each is sent is collected, what one means for
/// another is handed on, and time passes when it is told to.
final class TestRoom {
  static let id = "00112233445566778899aabbccddeeff"
  static let second: UInt64 = 1_000_000_000

  let room: SharedRoom
  private let rate: Int
  private(set) var now: UInt64 = 1_000 * second
  private(set) var peers: [Peer] = []
  /// The log file, for a room that has one.
  private(set) var written: [UInt8] = []
  /// While it is false nothing reaches the file.
  var isRecording = true

  init(
    id: String = TestRoom.id, history: Int = 1_000, maxMembers: Int = .max, rate: Int = 0,
    keys: (any RoomKeys)? = nil
  ) {
    var settings = Self.settings(id: id, history: history)
    settings.maxMembers = maxMembers
    settings.keys = keys
    settings.sid = keys == nil ? nil : SenderID(text: "the-host-itself-0")
    room = SharedRoom(settings)
    self.rate = rate
  }

  /// A room that goes on with its log file, and writes into it.
  init(log: [UInt8], history: Int = 1_000) throws {
    let (restored, wholeEnd) = try Self.restore(log, history: history)
    written = Array(log[..<Int(wholeEnd)])
    rate = 0
    let settings = Self.settings(id: Self.id, history: history)
    room = SharedRoom(
      Room(
        settings, restored: restored,
        at: Moment(monotonic: now, unixMilliseconds: 1_763_857_000_000)))
  }

  private static func settings(id: String, history: Int) -> Room.Settings {
    var settings = Room.Settings(id: id, tokenKey: TokenKey(code: code))
    settings.history = history
    return settings
  }

  /// The first line of a log file.
  static var logHead: [UInt8] {
    LogHead(
      room: Hexadecimal.decode(id) ?? [], mode: .plain, sid: SenderID(text: "the-host-itself-0")!,
      tokenKey: Array(repeating: 7, count: 32)
    ).line
  }

  /// What a log file makes of a room.
  /// - Parameter stretch: bytes that are read at a time.
  static func restore(_ log: [UInt8], history: Int = 1_000, stretch: Int = .max) throws
    -> (room: RestoredRoom, wholeEnd: UInt64)
  {
    var reader = LogReader(history: history)
    var rest = log[...]
    while !rest.isEmpty {
      let some = Array(rest.prefix(stretch))
      try reader.receive(some.span)
      rest = rest.dropFirst(some.count)
    }
    guard case .room(let room) = try reader.finish() else { throw NoRoom() }
    return (room, reader.wholeEnd)
  }

  struct NoRoom: Error {}

  /// Writes down what waits for the log file.
  func record() {
    guard let group = room.withLock({ $0.takeUnrecorded() }) else { return }
    written += group.bytes
    group.publish()
  }

  /// No real MAC, but one that depends on each byte.
  static let code: @Sendable ([UInt8]) -> [UInt8] = { bytes in
    var random = Seeded(
      bytes.reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 })
    return (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  var moment: Moment {
    Moment(monotonic: now, unixMilliseconds: 1_763_857_000_000 + Int64(now / 1_000_000))
  }

  /// What names the TLS connection of the client in this place.
  static func exporter(_ slot: Int) -> [UInt8] { Array(repeating: UInt8(slot % 256), count: 32) }

  func connect(from address: String? = nil, source: [UInt8] = []) -> Peer {
    let address = address ?? "127.0.0.1:\(50_001 + peers.count)"
    var session = HostSession(
      id: ConnectionID(worker: 0, slot: UInt32(peers.count), generation: 0), from: address,
      .address(source), rate: rate, at: moment)
    let isSecure = room.settings.keys != nil
    session.begin(
      with: PacketWriter.hello(room.settings),
      exporter: isSecure ? Self.exporter(peers.count) : nil, isSecure: isSecure, at: moment)
    let peer = Peer(session, in: self)
    peers.append(peer)
    settle()
    return peer
  }

  /// A member of version 2 that has read all there was.
  func member(_ name: String? = nil, _ keys: String = "") -> Peer {
    let peer = connect()
    peer.auth(name, keys)
    settleReading()
    return peer
  }

  /// A member of version 1, admitted with a name.
  func oldMember(_ name: String) -> Peer {
    let peer = connect()
    peer.send("{\"type\":\"auth\",\"name\":\"\(name)\"}")
    settleReading()
    return peer
  }

  /// A text client; its first line is said to the room.
  func textMember(_ line: String = "hello") -> Peer {
    let peer = connect()
    peer.send(line)
    settleReading()
    return peer
  }

  func settleReading() { for peer in peers { _ = peer.take() } }

  func route(_ deliveries: [Delivery]) {
    for delivery in deliveries {
      let peer = peers[Int(delivery.connection.slot)]
      switch delivery.content {
      case .packet(let bytes, let after): peer.session.outflow.post(bytes, after: after)
      case .end(let farewell, let name): peer.session.bid(farewell, of: name, in: room, at: moment)
      case .older(let bytes, let rest): peer.session.receiveOlder(bytes, rest: rest)
      case .olderIsMissing: peer.session.disconnect(in: room, at: moment)
      }
    }
  }

  /// Sends what waits and lets sessions go on, until nothing moves.
  func settle() {
    if isRecording { record() }
    var moved = true
    while moved {
      moved = false
      for peer in peers where !peer.isStuck {
        peer.flush()
        if peer.session.canResume(at: now) {
          route(peer.session.resume(in: room, at: moment))
          moved = true
        }
      }
    }
    if isRecording { record() }
    for peer in peers where !peer.isStuck { peer.flush() }
  }

  /// Lets time pass, stopping wherever something is due.
  func pass(milliseconds: UInt64) {
    let end = now + milliseconds * 1_000_000
    while true {
      let due = min(room.deadline, peers.compactMap { $0.session.deadline }.min() ?? .max)
      if due > end { break }
      let moves = due > now
      now = max(now, due)
      room.withLock { $0.advance(to: moment) }
      for peer in peers where (peer.session.deadline ?? .max) <= now {
        route(peer.session.timePassed(in: room, at: moment))
      }
      settle()
      let again = min(room.deadline, peers.compactMap { $0.session.deadline }.min() ?? .max)
      // A deadline that stays in the past would be a loop that never ends.
      #expect(moves || again > now, "nothing came of a deadline")
      if !moves, again <= now { break }
    }
    now = end
  }

  func pass(seconds: UInt64) { pass(milliseconds: 1_000 * seconds) }

  var total: Int { room.withLock { $0.memberCount } }
  var names: [String] { room.withLock { $0.names() } }
  var lastID: Int64 { room.withLock { $0.lastID } }
}

/// One connection and its client's end.
final class Peer {
  var session: HostSession
  /// It takes nothing: what is for it waits.
  var isStuck = false
  private(set) var received: [UInt8] = []
  private var taken = 0
  private let host: TestRoom

  init(_ session: consuming HostSession, in host: TestRoom) {
    self.session = session
    self.host = host
  }

  func flush() {
    while session.hasOutput {
      let before = received.count
      session.outflow.forEachStretch { stretch in
        received.append(contentsOf: stretch)
        return true
      }
      session.outflow.advance(by: received.count - before)
      #expect(received.count > before, "not empty, and nothing to send")
      if received.count == before { break }
    }
  }

  /// Hands bytes to the session as they came.
  func receive(_ bytes: [UInt8]) {
    guard session.wantsBytes else {
      Issue.record("the session does not want bytes now")
      return
    }
    host.route(session.receive(bytes.span, in: host.room, at: host.moment))
    host.settle()
  }

  func send(_ line: String) { receive(Array((line + "\n").utf8)) }

  func auth(_ name: String? = nil, _ keys: String = "") {
    let name = name.map { ",\"name\":\"\($0)\"" } ?? ""
    send("{\"type\":\"auth\",\"version\":2\(name)\(keys)}")
  }

  func say(_ text: String, n: Int64? = nil, sid: String = "0123456789abcdef", to: String? = nil) {
    let number = n.map { ",\"sid\":\"\(sid)\",\"n\":\($0)" } ?? ""
    let other = to.map { ",\"to\":\"\($0)\"" } ?? ""
    send("{\"type\":\"chat\",\"encrypted\":false,\"text\":\"\(text)\"\(other)\(number)}")
  }

  /// The client has ended its side of the stream.
  func endStream() {
    host.route(session.receiveEnd(in: host.room, at: host.moment))
    host.settle()
  }

  /// The connection is lost.
  func drop() {
    session.disconnect(in: host.room, at: host.moment)
    host.settle()
  }

  var isOver: Bool { session.end != nil }

  /// Whole lines that came since the last call.
  func takeLines() -> [String] {
    host.settle()
    guard let end = received.lastIndex(of: UInt8(ascii: "\n")), end >= taken else { return [] }
    let lines = received[taken..<end].split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    taken = end + 1
    return lines.map { Array($0).text }
  }

  /// The same, each told in a few words.
  func take() -> [String] {
    takeLines().map { line in
      if let told = told(line) { return told }
      return line
    }
  }

  /// The token it was last given.
  var token: String {
    let lines = received.split(separator: UInt8(ascii: "\n")).reversed()
    for line in lines {
      if let json = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any],
        let token = json["token"] as? String
      {
        return token
      }
    }
    return ""
  }

  private func told(_ line: String) -> String? {
    guard
      let packet = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
      let type = packet["type"] as? String
    else { return nil }
    func text(_ key: String) -> String { packet[key] as? String ?? "?" }
    func number(_ key: String, _ before: String) -> String {
      (packet[key] as? Int).map { before + "\($0)" } ?? ""
    }
    func other() -> String { (packet["to"] as? String).map { "->" + $0 } ?? "" }
    switch type {
    case "auth_result" where packet["ok"] as? Bool == true:
      let gap = packet["gap"] as? Bool == true ? " gap" : ""
      return "admitted \(text("client_name"))" + number("id", " id=") + number("total", " total=")
        + gap
    case "auth_result": return "refused \(text("reason"))"
    case "chat":
      return "\(text("from"))\(other()): \(text("text"))" + number("id", " #") + number("n", " n=")
    case "system" where packet["event"] as? String == "notice":
      return "notice \(text("text"))" + number("id", " #")
    case "system":
      let token = packet["token"] == nil ? "" : " token"
      return "\(text("event")) \(text("name"))\(other())" + number("id", " #") + token
    case "count": return "count" + number("total", " ")
    case "members":
      return "members" + number("total", " ") + ": "
        + (packet["names"] as? [String] ?? []).joined(separator: ",")
    case "ack": return "ack" + number("n", " ")
    case "error": return "error \(text("code"))" + number("n", " n=")
    case "bye": return "bye \(text("code"))"
    default: return type
    }
  }
}

extension PacketWriter {
  /// The `hello` of a room without password.
  static func hello(room: String) -> [UInt8] {
    hello(Room.Settings(id: room, tokenKey: TokenKey { _ in nil }))
  }
}

extension ScreenFeed {
  var isEmpty: Bool {
    var copy = self
    return copy.next() == nil
  }
}
