/// A connection that speaks lines instead of packets (PROTOCOL.md, section 8).
extension HostSession {
  mutating func becomeText(in room: SharedRoom, at now: Moment) {
    switch state {
    case .waiting:
      var nobody: [Delivery] = []
      admit(Room.Wish(), as: .text, in: room, at: now, &nobody)
    case .member(let member):
      let handle = member.handle
      if let text = room.withLock({ $0.becomeText(handle) }) {
        outflow.follow(text.cursor, of: text.publication, after: text.after)
      }
      state = .member(Member(handle: handle, dialect: .text, isSilent: false))
    case .over, .challenged: break
    }
  }

  mutating func receiveText(
    _ line: Span<UInt8>, in room: SharedRoom, at now: Moment, _ deliveries: inout [Delivery]
  ) {
    guard case .member(let member) = state else { return }
    guard UTF8Sequence.isValid(line) else {
      outflow.post(Array((Transcript.error("That line is not valid UTF-8.") + "\n").utf8))
      return
    }
    guard line.count > 0, line[0] == UInt8(ascii: "/") else {
      return sayText(line, member, in: room, at: now)
    }
    if line.count > 1, line[1] == UInt8(ascii: "/") {
      return sayText(line.extracting(droppingFirst: 1), member, in: room, at: now)
    }
    var bytes: [UInt8] = []
    bytes.append(line)
    let words = String(decoding: bytes, as: UTF8.self).split(
      separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
    switch (words.first, words.count) {
    case ("/quit", 1):
      saidBye = true
      leave(room, at: now)
      close(.afterSending)
    case ("/who", 1):
      let (names, total) = room.withLock { ($0.names(), $0.memberCount) }
      outflow.post(Array((Transcript.members(names, total: total) + "\n").utf8))
    case ("/nick", 2): rename(member, String(words[1]), in: room, at: now)
    default:
      let help = "Commands: /nick NAME, /who, /quit; //text says /text."
      outflow.post(Array((Transcript.error(help) + "\n").utf8))
    }
  }

  private mutating func sayText(
    _ text: Span<UInt8>, _ member: Member, in room: SharedRoom, at now: Moment
  ) {
    var escaped: [UInt8] = []
    JSONText.appendEscaped(text, to: &escaped)
    let whole = JSONString(
      start: 0, end: Int32(escaped.count), hasEscapes: escaped.contains(UInt8(ascii: "\\")))
    guard !JSONText.isBlank(whole, in: escaped.span) else { return }
    do throws(Room.SayFailure) {
      try room.withLock { room throws(Room.SayFailure) in
        try room.say(whole, in: escaped.span, number: nil, from: member.handle, at: now)
      }
    } catch {
      if error == .tooLong {
        outflow.post(Array((Transcript.error("That line is too long.") + "\n").utf8))
      }
    }
  }

  /// `METHOD TARGET HTTP/1.1` (RFC 9112, section 3)
  func isHTTPRequest(_ line: Span<UInt8>) -> Bool {
    var bytes: [UInt8] = []
    // All of it: one admitted for its silence may send a long line, and the version stands last.
    bytes.append(line)
    let words = bytes.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
    guard let method = words.first, let version = words.last, words.count >= 2 else { return false }
    return version.hasPrefix("HTTP/") && method.utf8.allSatisfy { 0x41...0x5A ~= $0 }
  }
}
