import ChatCore

/// A room and those who talk in it, played from a script that may be anything, and watched for what
/// must hold whatever they do. Tests mutate scripts at random, the fuzzers look for new ones.
///
/// A script's first line may begin with `%` and settle what room it is: `s` secure, `v` secure with
/// version 1 clients, `h` a short history, `m` few places, `r` a slow rate. Each further line is a
/// step, told by its first byte; `K` is a connection, `0` to `7`:
///
///     +            somebody connects        =K  ends its stream       !K  is cut off
///     KTEXT        sends TEXT and LF        :KTEXT  sends TEXT        *KN  sends N KB without LF
///     #K           takes nothing, or again  >KN  takes N bytes        xK  is too slow for the host
///     ~N           N ms pass                $TEXT  the host says TEXT
///
/// In TEXT `@TK` is the token that K was given last, `@R` the room.
final class Conversation {
  /// What did not hold.
  struct Violation: Error, CustomStringConvertible {
    let description: String
  }

  static let roomID = "00112233445566778899aabbccddeeff"
  private static let largest = 8

  private let room: SharedRoom
  private let isSecure: Bool
  private let hasVersionOne: Bool
  private let rate: Int
  private var now: UInt64 = 1_000_000_000_000
  private var peers: [ConversationPeer] = []
  private var connected = 0
  private let watcher: Watcher

  /// Plays a script from its first step to its last, and then lets everybody go.
  static func play(_ script: [UInt8]) throws(Violation) {
    var steps = script.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true)[...]
    var flags: Set<UInt8> = []
    if let first = steps.first, first.first == UInt8(ascii: "%") {
      flags = Set(first)
      steps = steps.dropFirst()
    }
    let conversation = Conversation(flags)
    for step in steps.prefix(2_000) {
      try conversation.take(step)
      try conversation.check()
    }
    try conversation.finish()
  }

  private init(_ flags: Set<UInt8>) {
    var settings = Room.Settings(id: Self.roomID, tokenKey: TokenKey(code: ScriptedKeys.code))
    hasVersionOne = flags.contains(UInt8(ascii: "v"))
    isSecure = hasVersionOne || flags.contains(UInt8(ascii: "s"))
    rate = flags.contains(UInt8(ascii: "r")) ? 2 : 0
    if flags.contains(UInt8(ascii: "h")) { settings.history = 3 }
    if flags.contains(UInt8(ascii: "m")) { settings.maxMembers = 2 }
    if isSecure {
      settings.keys = ScriptedKeys(admitsVersionOne: hasVersionOne)
      settings.sid = SenderID(Array("the-host-itself-0".utf8).span)
    }
    room = SharedRoom(settings)
    watcher = Watcher(room.withLock { $0.log.cursor }, isSealed: isSecure)
  }

  private var moment: Moment {
    Moment(monotonic: now, unixMilliseconds: 1_763_857_000_000 + Int64(now / 1_000_000))
  }

  // MARK: Steps

  private func take(_ step: ArraySlice<UInt8>) throws(Violation) {
    let rest = step.dropFirst()
    switch step.first ?? 0 {
    case UInt8(ascii: "+"): connect()
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      try send(expanded(rest) + [0x0A], by: peer(step))
    case UInt8(ascii: ":"): try send(expanded(rest.dropFirst()), by: peer(rest))
    case UInt8(ascii: "*"):
      let count = 1_000 * min(200, number(rest.dropFirst()))
      try send([UInt8](repeating: UInt8(ascii: "x"), count: count), by: peer(rest))
    case UInt8(ascii: "="):
      let peer = peer(rest)
      try route(peer.session.receiveEnd(in: room, at: moment))
    case UInt8(ascii: "!"): peer(rest).session.disconnect(in: room, at: moment)
    case UInt8(ascii: "x"): peer(rest).session.bid(.tooSlow, in: room, at: moment)
    case UInt8(ascii: "#"): peer(rest).isStuck.toggle()
    case UInt8(ascii: ">"): peer(rest).take(atMost: number(rest.dropFirst()))
    case UInt8(ascii: "~"): try pass(milliseconds: UInt64(min(100_000, number(rest))))
    case UInt8(ascii: "$"):
      do throws(Room.SayFailure) {
        try room.withLock { room throws(Room.SayFailure) in
          try room.sayAsServer(String(decoding: rest, as: UTF8.self), at: self.moment)
        }
      } catch {}
    default: break
    }
    try settle()
  }

  private func connect() {
    connected += 1
    let slot = peers.count < Self.largest ? peers.count : connected % Self.largest
    var session = HostSession(
      id: ConnectionID(worker: 0, slot: UInt32(slot), generation: UInt32(connected)),
      from: "127.0.0.1:\(50_000 + connected)", .address([UInt8(slot)]), rate: rate,
      at: moment)
    session.begin(
      with: PacketWriter.hello(room.settings),
      exporter: isSecure ? [UInt8](repeating: 7, count: 32) : nil, isSecure: isSecure, at: moment)
    let peer = ConversationPeer(session, number: UInt32(connected), readsLog: !hasVersionOne)
    if slot < peers.count {
      peers[slot].session.disconnect(in: room, at: moment)
      peers[slot] = peer
    } else {
      peers.append(peer)
    }
  }

  /// The connection that a step names; there is one always.
  private func peer(_ name: ArraySlice<UInt8>) -> ConversationPeer {
    if peers.isEmpty { connect() }
    return peers[Int(name.first ?? 0) % peers.count]
  }

  private func number(_ digits: ArraySlice<UInt8>) -> Int {
    digits.prefix(6).reduce(0) { number, digit in
      UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit ? number * 10 + Int(digit - 48) : number
    }
  }

  private func expanded(_ text: ArraySlice<UInt8>) -> [UInt8] {
    guard text.contains(UInt8(ascii: "@")) else { return Array(text) }
    var bytes: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      switch (byte, rest.first) {
      case (UInt8(ascii: "@"), UInt8(ascii: "R")):
        rest = rest.dropFirst()
        bytes += Array(Self.roomID.utf8)
      case (UInt8(ascii: "@"), UInt8(ascii: "T")):
        rest = rest.dropFirst()
        bytes += Array(peer(rest).token.utf8)
        rest = rest.dropFirst()
      default: bytes.append(byte)
      }
    }
    return bytes
  }

  private func send(_ bytes: [UInt8], by peer: ConversationPeer) throws(Violation) {
    guard peer.session.wantsBytes, !bytes.isEmpty else { return }
    peer.note(sent: bytes)
    try route(peer.session.receive(bytes.span, in: room, at: moment))
  }

  private func route(_ deliveries: [Delivery]) throws(Violation) {
    for delivery in deliveries {
      let slot = Int(delivery.connection.slot)
      guard slot < peers.count, peers[slot].number == delivery.connection.generation else {
        continue
      }
      switch delivery.content {
      case .packet(let bytes, let after): peers[slot].session.outflow.post(bytes, after: after)
      case .older(let bytes, let rest): peers[slot].session.receiveOlder(bytes, rest: rest)
      case .olderIsMissing: peers[slot].session.disconnect(in: room, at: moment)
      case .end(let farewell, let name):
        peers[slot].session.bid(farewell, of: name, in: room, at: moment)
      }
    }
  }

  private func settle() throws(Violation) {
    var moved = true
    var rounds = 0
    while moved {
      moved = false
      for peer in peers where !peer.isStuck {
        peer.take(atMost: .max)
        if peer.session.canResume(at: now) {
          try route(peer.session.resume(in: room, at: moment))
          moved = true
        }
      }
      rounds += 1
      if rounds > 10_000 { throw Violation(description: "sessions never come to rest") }
    }
    for peer in peers where !peer.isStuck { peer.take(atMost: .max) }
  }

  private var due: UInt64 {
    min(room.deadline, peers.compactMap { $0.session.deadline }.min() ?? .max)
  }

  private func pass(milliseconds: UInt64) throws(Violation) {
    let end = now + milliseconds * 1_000_000
    while due <= end {
      let moves = due > now
      now = max(now, due)
      let moment = moment
      room.withLock { $0.advance(to: moment) }
      for peer in peers where (peer.session.deadline ?? .max) <= now {
        try route(peer.session.timePassed(in: room, at: moment))
      }
      try settle()
      if !moves, due <= now { throw Violation(description: "nothing came of a deadline") }
    }
    now = end
  }

  // MARK: What must hold

  private func check() throws(Violation) {
    try watcher.read(to: room.publication.end)
    for peer in peers { try peer.check(against: watcher, isFlushed: !peer.isStuck) }
    let (members, names) = room.withLock { ($0.memberCount, $0.names()) }
    let here = peers.count { $0.session.end == nil && !$0.session.isWaiting }
    guard members >= here else {
      throw Violation(description: "\(here) are in the room, which counts \(members)")
    }
    guard names.count == members, Set(names).count == members else {
      throw Violation(description: "\(members) members have the names \(names)")
    }
  }

  private func finish() throws(Violation) {
    for peer in peers { peer.isStuck = false }
    try settle()
    try check()
    for peer in peers where peer.session.end == nil && peer.lastID != 0 && !peer.isText {
      guard peer.lastID == watcher.lastID else {
        throw Violation(description: "one was sent all up to \(peer.lastID) of \(watcher.lastID)")
      }
    }
    for peer in peers { peer.session.disconnect(in: room, at: moment) }
    try pass(milliseconds: 10_000)
    try settle()
    try check()
    try watcher.finish()
    let members = room.withLock { $0.memberCount }
    guard members == 0, room.deadline == .max else {
      throw Violation(description: "\(members) members are left when everybody has gone")
    }
  }
}

/// What the room says to everybody, read from its beginning.
final class Watcher {
  private var cursor: LogCursor
  private let isSealed: Bool
  /// Ids that no line had: of joins that a notice is still to tell of.
  private var unfolded: Int64 = 0
  private(set) var lastID: Int64 = 0
  private var lastLine: Int64 = 0
  /// Each line that has an id, with the id before it that was given to a line.
  private(set) var lines: [Int64: (line: [UInt8], before: Int64)] = [:]

  init(_ cursor: LogCursor, isSealed: Bool) {
    self.cursor = cursor
    self.isSealed = isSealed
  }

  func read(to end: LogPosition) throws(Conversation.Violation) {
    var bytes: [UInt8] = []
    cursor.read(to: end, atMost: .max, into: &bytes)
    guard bytes.isEmpty || bytes.last == 0x0A else {
      throw Conversation.Violation(description: "the log ends within a line")
    }
    for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast() {
      try read(Array(line))
    }
  }

  private func read(_ line: [UInt8]) throws(Conversation.Violation) {
    let packet = try hostPacket(in: line)
    let id: Int64?
    switch packet {
    case .chat(let chat):
      id = chat.id
      if case .text = chat.body, isSealed {
        throw Conversation.Violation(description: "clear text in a secure room: \(line.told)")
      }
    case .system(let system):
      id = system.id
      if system.event == "notice", case .text(let text) = system.body {
        unfolded += (system.id ?? 0) - lastID - 1
        let joins = text.contains("joined") ? Int64(text.prefix { $0.isNumber }) : 0
        guard joins == unfolded else {
          throw Conversation.Violation(description: "\(unfolded) ids are missing: \(text)")
        }
        unfolded = 0
        lastID = (system.id ?? 1) - 1
      }
    case .count: return
    default: throw Conversation.Violation(description: "said to everybody: \(line.told)")
    }
    guard let id, id > lastID else {
      throw Conversation.Violation(description: "after \(lastID) comes \(line.told)")
    }
    // A join that is folded draws a number all the same: its notice follows.
    unfolded += id - lastID - 1
    lines[id] = (line, lastLine)
    lastID = id
    lastLine = id
  }

  /// What must hold once nothing is left to be told.
  func finish() throws(Conversation.Violation) {
    if unfolded != 0 {
      throw Conversation.Violation(description: "\(unfolded) ids are missing at the end")
    }
  }
}

/// A line of the host's as a packet: there is no other.
private func hostPacket(in line: [UInt8]) throws(Conversation.Violation) -> HostPacket {
  guard line.count < Limits.hostLine else {
    throw Conversation.Violation(description: "a line of \(line.count) bytes")
  }
  do throws(PacketError) {
    return try HostPacket(line.span)
  } catch {
    throw Conversation.Violation(description: "\(error.reason): \(line.told)")
  }
}

/// One connection and its client's end, who notes what it has sent and looks at what it is sent.
final class ConversationPeer {
  var session: HostSession
  let number: UInt32
  var isStuck = false
  private(set) var token = ""
  private(set) var lastID: Int64 = 0
  private let readsLog: Bool
  private var received: [UInt8] = []
  private var sent = LineReader(limit: Limits.clientLine)
  private var numbers: Set<Int64> = []
  private var hasAsked = false
  private var name = ""
  private(set) var isText = false
  private var isOver = false

  init(_ session: consuming HostSession, number: UInt32, readsLog: Bool) {
    self.session = session
    self.number = number
    self.readsLog = readsLog
  }

  /// Takes some of what waits for it.
  func take(atMost count: Int) {
    var left = count
    while left > 0, session.hasOutput {
      var step = 0
      session.forEachStretch { stretch in
        let some = stretch.prefix(left)
        received.append(contentsOf: some)
        step += some.count
        left -= some.count
        return left > 0
      }
      session.sent(step)
      if step == 0 { break }
    }
  }

  /// Notes what it says, so that an answer to something else is told.
  func note(sent bytes: [UInt8]) {
    var start = 0
    while start < bytes.count {
      switch sent.next(in: bytes.span, from: &start) {
      case .line(let range): note(line: bytes.span.extracting(range))
      case .joined: note(line: sent.takeJoined().span)
      case .needsMore, .tooLong: return
      }
    }
  }

  private func note(line: Span<UInt8>) {
    do throws(PacketError) {
      switch try ClientPacket(line) {
      case .chat(let chat): if let number = chat.number { numbers.insert(number.n) }
      case .who: hasAsked = true
      default: break
      }
    } catch {}
  }

  func check(against watcher: Watcher, isFlushed: Bool) throws(Conversation.Violation) {
    if isFlushed, session.hasOutput { try fail("something waits for one who takes all") }
    if isFlushed, session.end != .now, !received.isEmpty, received.last != 0x0A {
      try fail("a packet ends without its line's end: \(received.suffix(80).told)")
    }
    guard let end = received.lastIndex(of: 0x0A) else { return }
    let lines = received[..<end].split(separator: 0x0A, omittingEmptySubsequences: false)
    received.removeFirst(end + 1)
    for line in lines { try check(Array(line), watcher) }
  }

  private func fail(_ reason: String) throws(Conversation.Violation) {
    throw Conversation.Violation(description: "connection \(number): \(reason)")
  }

  private func check(_ line: [UInt8], _ watcher: Watcher) throws(Conversation.Violation) {
    if isOver { try fail("after the last word comes \(line.told)") }
    if isText || line.first != UInt8(ascii: "{") { return try checkText(line) }
    let packet = try hostPacket(in: line)
    var isTokened = false
    switch packet {
    case .authResult(.accepted(let admission)):
      token = admission.token ?? token
      name = admission.name
      lastID = 0
    case .ack(let n):
      if !numbers.contains(n) { try fail("an answer to what it did not say: \(line.told)") }
    case .error(_, _, let n?):
      if !numbers.contains(n) { try fail("an answer to what it did not say: \(line.told)") }
    case .members: if !hasAsked { try fail("an answer that it did not ask for") }
    case .chat(let chat):
      if let other = chat.to, readsLog, chat.from != name, other != name {
        try fail("\(name) is told what is for another: \(line.told)")
      }
    case .system(let system):
      if let new = system.token {
        isTokened = true
        token = new
        if system.name != name { try fail("\(name) is given the token of another: \(line.told)") }
      }
      if system.event == "rename", system.name == name, let to = system.to { name = to }
    case .bye: isOver = true
    default: break
    }
    guard readsLog else { return }
    let id: Int64? =
      switch packet {
      case .chat(let chat): chat.id
      case .system(let system): system.id
      default: nil
      }
    guard let id else { return }
    guard let known = watcher.lines[id], isTokened || known.line == line else {
      return try fail("not what the others were told: \(line.told)")
    }
    if lastID != 0, known.before != lastID { try fail("after \(lastID) comes \(line.told)") }
    lastID = id
  }

  private func checkText(_ line: [UInt8]) throws(Conversation.Violation) {
    isText = true
    // The answer to an HTTP request is the one that has a CR.
    if line.starts(with: Array("HTTP/1.1 400".utf8)) || line.starts(with: Array("Conn".utf8)) {
      return
    }
    if line.contains(where: { $0 < 0x20 && $0 != 0x0D || $0 == 0x7F }) {
      try fail("a line that steers a terminal: \(line.told)")
    }
  }
}

extension Collection<UInt8> {
  /// For messages.
  var told: String { String(decoding: self.prefix(300), as: UTF8.self) }
}

/// Keys that any script can use: what is sealed is the text behind a byte that is no `!`, and a
/// confirmation is right if it begins with a zero.
struct ScriptedKeys: RoomKeys, VersionOneKeys {
  let admitsVersionOne: Bool
  let salt = [UInt8](repeating: 1, count: 16)
  var versionOne: (any VersionOneKeys)? { admitsVersionOne ? self : nil }

  private struct Challenge: AdmissionChallenge {
    let share = [UInt8](repeating: 4, count: 65)
    let confirmation = [UInt8](repeating: 5, count: 32)
    func accepts(_ confirmation: [UInt8]) -> Bool { confirmation.first == 0 }
  }

  func challenge(share: [UInt8], exporter: [UInt8], hello: [UInt8], auth: [UInt8])
    -> (any AdmissionChallenge)?
  {
    share.first == 4 ? Challenge() : nil
  }

  func isPassword(_ password: [UInt8]) -> Bool { password.first == UInt8(ascii: "p") }
  func open(_ sealed: [UInt8], additionalData: [UInt8]) -> [UInt8]? { open(sealed) }
  func seal(_ text: [UInt8], additionalData: [UInt8]) -> [UInt8]? { seal(text) }
  func open(_ sealed: [UInt8]) -> [UInt8]? {
    sealed.isEmpty || sealed[0] == UInt8(ascii: "!") ? nil : Array(sealed.dropFirst())
  }
  func seal(_ text: [UInt8]) -> [UInt8]? { [0x2E] + text }

  /// No real MAC, but one that depends on each byte.
  static let code: @Sendable ([UInt8]) -> [UInt8]? = { bytes in
    var state = bytes.reduce(14_695_981_039_346_656_037 as UInt64) {
      ($0 ^ UInt64($1)) &* 1_099_511_628_211
    }
    return (0..<32).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
  }
}
