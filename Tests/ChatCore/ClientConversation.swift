import ChatCore

/// A client's session that is played from a script that may be anything, as ``Conversation`` is: any
/// host, any user, any time.
///
/// A script's first line may begin with `%` and settle what client it is: `s` has keys, `v` has those
/// of version 1, `d` decides about every host. Each further line is a step, told by its first byte:
///
///     <TEXT  the host sends TEXT and LF    ,TEXT  the host sends TEXT    *N  N KB without LF
///     sTEXT  says TEXT                     pTEXT  says it to `bob`       nTEXT  wishes that name
///     w  asks for the members              g  pings                     l  leaves
///     d  loses the connection              c  has another one            ~N  N ms pass
///     >N  takes N bytes off what waits to be sent
struct ClientConversation {
  private var session: ClientSession
  private let secrets: ClientSession.Secrets
  private var now: UInt64 = 1_000_000_000_000
  private var said: Set<Int64> = []
  private var settled: Set<Int64> = []
  private var sent: [UInt8] = []
  private var isConnected = true
  private var version: Int64 = 1

  static func play(_ script: [UInt8]) throws(Conversation.Violation) {
    var steps = script.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true)[...]
    var flags: Set<UInt8> = []
    if let first = steps.first, first.first == UInt8(ascii: "%") {
      flags = Set(first)
      steps = steps.dropFirst()
    }
    var conversation = ClientConversation(flags)
    for step in steps.prefix(2_000) {
      try conversation.take(step)
      try conversation.check()
    }
    try conversation.take(Array("d".utf8)[...])
    _ = conversation.session.takeHeld()
  }

  private init(_ flags: Set<UInt8>) {
    var settings = ClientSession.Settings(
      name: "alice", loginName: "login", sid: SenderID(Array("0123456789abcdef".utf8).span)!,
      nextSenderID: { SenderID(Array("fedcba9876543210".utf8).span) })
    settings.history = 5
    settings.decidesAlways = flags.contains(UInt8(ascii: "d"))
    if flags.contains(UInt8(ascii: "s")) {
      secrets = .keys(ScriptedClientKeys(), exporter: [UInt8](repeating: 7, count: 32))
    } else if flags.contains(UInt8(ascii: "v")) {
      secrets = .versionOne(ScriptedClientKeys())
    } else {
      secrets = .none
    }
    session = ClientSession(settings, at: Moment(monotonic: now, unixMilliseconds: 0))
  }

  private var moment: Moment {
    Moment(monotonic: now, unixMilliseconds: Int64(now / 1_000_000))
  }

  private mutating func take(_ step: ArraySlice<UInt8>) throws(Conversation.Violation) {
    let rest = Array(step.dropFirst())
    let text = String(decoding: rest, as: UTF8.self)
    switch step.first {
    case UInt8(ascii: "<"): try receive(rest + [0x0A])
    case UInt8(ascii: ","): try receive(rest)
    case UInt8(ascii: "*"): try receive([UInt8](repeating: 0x78, count: 1_000 * number(rest, 200)))
    case UInt8(ascii: "s"): try say(text, to: nil)
    case UInt8(ascii: "p"): try say(text, to: "bob")
    case UInt8(ascii: "n"): try? session.rename(to: text)
    case UInt8(ascii: "w"): try? session.askForMembers()
    case UInt8(ascii: "g"): try? session.ping()
    case UInt8(ascii: "l"): session.leave()
    case UInt8(ascii: "d"):
      isConnected = false
      sent = []
      try take(session.disconnected())
    case UInt8(ascii: "c"):
      if isConnected { try take(session.disconnected()) }
      isConnected = true
      sent = []
      session.connected(at: moment)
    case UInt8(ascii: "~"):
      now += UInt64(number(rest, 100_000)) * 1_000_000
      let before = session.deadline
      try take(session.timePassed(at: moment))
      if let before, before <= now, let after = session.deadline, after <= before {
        throw Conversation.Violation(description: "nothing came of a deadline")
      }
    case UInt8(ascii: ">"):
      let count = min(session.output.count, number(rest, 1_000_000))
      sent += session.output.prefix(count)
      session.sent(count)
      if session.output.isEmpty { try take(session.fill()) }
    default: break
    }
  }

  private func number(_ digits: [UInt8], _ most: Int) -> Int {
    let number = digits.prefix(7).reduce(0) { number, digit in
      UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit ? number * 10 + Int(digit - 48) : number
    }
    return min(number, most)
  }

  private mutating func receive(_ bytes: [UInt8]) throws(Conversation.Violation) {
    guard isConnected else { return }
    try take(session.receive(bytes.span, at: moment))
  }

  private mutating func say(_ text: String, to name: String?) throws(Conversation.Violation) {
    guard session.hasRoom, let id = try? session.say(text, to: name) else { return }
    guard said.insert(id).inserted else {
      throw Conversation.Violation(description: "two messages have the id \(id)")
    }
  }

  private mutating func take(_ events: [ClientSession.Event]) throws(Conversation.Violation) {
    for event in events {
      switch event {
      case .greeted: try take(session.proceed(secrets))
      case .settled(let id):
        guard said.contains(id), settled.insert(id).inserted else {
          throw Conversation.Violation(description: "message \(id) is settled, and was not to be")
        }
      case .packet(let packet, let line):
        let shown = Transcript.line(for: packet) ?? ""
        if shown.utf8.contains(where: { $0 < 0x20 && $0 != 0x0A || $0 == 0x7F }) {
          throw Conversation.Violation(description: "a line that steers a terminal: \(shown)")
        }
        let inert = DisplayText.escapedJSON(line.span)
        guard (try? HostPacket(inert.span)) == packet || !isAsItCame(packet) else {
          throw Conversation.Violation(description: "shown as \(inert.told), came as \(line.told)")
        }
      default: break
      }
    }
  }

  /// Whether a packet says what its line says: a sealed one was opened.
  private func isAsItCame(_ packet: HostPacket) -> Bool {
    if case .none = secrets { return true }
    return false
  }

  private func check() throws(Conversation.Violation) {
    guard session.unsettledCount == said.count - settled.count else {
      throw Conversation.Violation(
        description: "\(said.count) said, \(settled.count) settled, \(session.unsettledCount) wait")
    }
    let output = sent + session.output
    guard session.output.isEmpty || output.last == 0x0A else {
      throw Conversation.Violation(description: "says half a line: \(output.suffix(80).told)")
    }
    for line in output.split(separator: 0x0A) {
      guard line.count < Limits.clientLine, (try? ClientPacket(Array(line).span)) != nil else {
        throw Conversation.Violation(description: "says what is no packet: \(line.told)")
      }
    }
  }
}

/// The other side of ``ScriptedKeys``.
struct ScriptedClientKeys: ClientKeys, VersionOneClientKeys {
  let salt = [UInt8](repeating: 1, count: 16)
  let room = Conversation.roomID
  let password = Array("pass\"word\u{1}".utf8)

  private struct Proof: PasswordProof {
    let share = [UInt8](repeating: 4, count: 65)
    func confirm(
      share: [UInt8], confirmation: [UInt8], exporter: [UInt8], hello: [UInt8], auth: [UInt8]
    ) -> [UInt8]? {
      share.first == 4 ? [UInt8](repeating: 0, count: 32) : nil
    }
  }

  func begin() -> (any PasswordProof)? { Proof() }
  func open(_ sealed: [UInt8], additionalData: [UInt8]) -> [UInt8]? { open(sealed) }
  func seal(_ text: [UInt8], additionalData: [UInt8]) -> [UInt8]? { seal(text) }
  func open(_ sealed: [UInt8]) -> [UInt8]? {
    sealed.isEmpty || sealed[0] == UInt8(ascii: "!") ? nil : Array(sealed.dropFirst())
  }
  func seal(_ text: [UInt8]) -> [UInt8]? { [0x2E] + text }
}
