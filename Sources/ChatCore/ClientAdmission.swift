// How a client gets into a room, and back into it (PROTOCOL.md, sections 3, 4 and 7).

extension ClientSession {
  mutating func greet(
    _ hello: HostPacket.Hello, _ line: Span<UInt8>, _ events: inout [Event]
  ) {
    show(.hello(hello), line, &events)
    if hello.requiresTLS { return end(.needsTLS, &events) }
    self.hello = []
    self.hello.append(line)
    version = hello.version
    room = hello.room ?? ""
    state = .greeted
    if hello.isSecure || settings.decidesAlways {
      events.append(.greeted(hello))
    } else {
      events += proceed(.none)
    }
  }

  /// Whether the host has the room that this client has been in.
  private var isSameRoom: Bool {
    hasJoined && version >= 2 && joined.version >= 2 && !room.isEmpty && room == joined.room
  }

  /// Goes on with the host that ``Event/greeted(_:)`` told of: asks to be let in.
  package mutating func proceed(_ secrets: Secrets) -> [Event] {
    self.secrets = secrets
    var writer = PacketWriter()
    writer.begin("auth")
    if version >= 2 { writer.key(",\"version\":2") }
    var next = State.awaitingResult
    switch secrets {
    case .none: break
    case .keys(let keys, let exporter):
      guard let proof = keys.begin() else {
        state = .over
        return [.refused(reason: "this machine gives no random numbers")]
      }
      writer.key(",\"method\":\"spake2plus\",\"share\":")
      writer.escaped(Base64.encode(proof.share))
      self.proof = proof
      self.exporter = exporter
      next = .awaitingChallenge
    case .versionOne(let keys):
      writer.key(",\"password\":")
      writer.string(String(decoding: keys.password, as: UTF8.self))
    }
    let returns = isSameRoom
    asked = returns && token != nil ? name : wish ?? (version >= 2 ? nil : settings.loginName)
    if let asked {
      writer.key(",\"name\":")
      writer.string(asked)
    }
    if version >= 2, settings.history > 0 {
      writer.key(",\"history\":")
      writer.integer(Int64(settings.history))
    }
    if returns { writeResume(&writer) }
    writer.end()
    auth = Array(writer.bytes.dropLast())
    output.append(contentsOf: writer.bytes)
    state = next
    let bytes = early
    early = []
    var events: [Event] = []
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let line = Array(line)
      receive(line: line.span, &events)
    }
    return events
  }

  private func writeResume(_ writer: inout PacketWriter) {
    writer.key(",\"room\":")
    writer.string(room)
    writer.key(",\"since\":")
    writer.integer(max(lastID, firstID))
    guard let token else { return }
    writer.key(",\"token\":")
    writer.string(token)
  }

  /// Checks the host's proof and gives this client's.
  mutating func answer(_ share: String, _ confirm: String, _ events: inout [Event]) {
    guard let share = Base64.decode(share.utf8Span.span),
      let confirmation = Base64.decode(confirm.utf8Span.span),
      let confirm = proof?.confirm(
        share: share, confirmation: confirmation, exporter: exporter, hello: hello, auth: auth)
    else { return end(.unproven, &events) }
    proof = nil
    var writer = PacketWriter()
    writer.begin("auth_confirm")
    writer.key(",\"confirm\":")
    writer.escaped(Base64.encode(confirm))
    writer.end()
    output.append(contentsOf: writer.bytes)
    state = .awaitingResult
  }

  /// The host lets this client in.
  mutating func enter(
    _ admission: HostPacket.Admission, _ line: Span<UInt8>, _ events: inout [Event]
  ) {
    let returns = isSameRoom
    // On a slow line it is first let in for its silence; what it asked for is answered later (section
    // 4). It has been here before, and waits for that.
    if returns, token != nil, admission.token == nil { return }
    state = .admitted
    show(.authResult(.accepted(admission)), line, &events)
    guard hasJoined else {
      hasJoined = true
      settle(in: admission)
      return events.append(.admitted(name: name))
    }
    let isSameVersion = version >= 2 && joined.version >= 2
    if !returns || admission.name != asked { drawSenderID() }
    isSenderInDoubt = returns
    let (former, formerName) = (backlog, name)
    backlog = nil
    if returns, !admission.isGap {
      settle(in: admission, startsAnew: false)
      backlog = Backlog(end: admission.id ?? lastID, after: former)
    } else {
      settle(in: admission)
      events.append(
        .reconnected(returns ? .gap : isSameVersion ? .otherRoom : .versionOne))
      var held = former
      events += held?.takeHeld() ?? []
      // Past packets that it asked for may hold echoes of its own.
      if returns, settings.history > 0 {
        backlog = Backlog(end: admission.id ?? 0, isReleased: true)
      }
    }
    if version >= 2 {
      output.append(contentsOf: questionsAgain())
    } else {
      // Nobody would answer.
      nick = nil
      questions = 0
    }
    if name != formerName { events.append(.renamed(name)) }
    guard let backlog else { return }
    if !backlog.isReleased, max(lastID, firstID) >= backlog.end {
      endBacklog(&events)
    } else {
      // Some ids have no packet, so the last one may never come: the answer comes after all.
      sendPing(isAsked: false)
    }
  }

  /// Notes who it is here, and from where on it knows the room.
  private mutating func settle(in admission: HostPacket.Admission, startsAnew: Bool = true) {
    name = admission.name
    token = admission.token
    joined = (room, version)
    guard startsAnew else { return }
    lastID = 0
    let last = admission.id ?? 0
    firstID = max(0, last - Int64(settings.history))
  }
}
