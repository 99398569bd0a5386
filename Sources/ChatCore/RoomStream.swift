/// The room's one ordered stream: its packets, its other renderings, and what of it is kept.
///
/// The packets are what nearly everyone reads. A rendering is a log of its own, kept only while
/// somebody reads it: the lines that people see, for text clients and the host's screen, and cipher
/// 1 for version 1 clients in a secure room.
struct RoomStream {
  private struct Rendering {
    var log: RoomLog
    var readers = 0
  }

  /// What a chat packet says; its bytes as they stand in JSON come beside it.
  enum Content {
    case text(hasEscapes: Bool)
    /// A payload, and the text that it was sealed from.
    case sealed(opened: [UInt8])
  }

  private(set) var packets: RoomLog
  /// What is to be written into the room's log file; nil without one.
  private(set) var journal: Journal?
  private var lines: Rendering?
  private var versionOne: Rendering?
  /// Renderings whose last reader has gone, and is still to be sent what waits for the log file.
  private var leaving: [RoomLog] = []
  private let versionOneKeys: (any VersionOneKeys)?
  private(set) var kept: KeptPackets
  /// The newest id. Ids that are drawn for no packet are drawn here too.
  var lastID: Int64 = 0
  /// Messages to everybody so far.
  private(set) var messageCount: Int64 = 0
  var writer = PacketWriter()
  /// The host's own screen, and whether it shows packets instead of the lines that people see.
  private var screen: ScreenFeed?
  private var screenShowsPackets = false

  init(_ settings: Room.Settings) {
    packets = RoomLog()
    kept = KeptPackets(limit: settings.history)
    versionOneKeys = settings.keys?.versionOne
  }

  /// A stream that goes on with what its log file says, and writes into it.
  init(_ settings: Room.Settings, restored: RestoredRoom) {
    let recording = Recording()
    packets = restored.packets.goingOn(with: recording)
    journal = Journal(recording)
    kept = restored.kept
    lastID = restored.lastID
    versionOneKeys = settings.keys?.versionOne
  }

  // MARK: Readers

  /// Which log a member of this dialect reads; nil for the packets.
  private func rendering(for dialect: Room.Dialect) -> WritableKeyPath<RoomStream, Rendering?>? {
    switch dialect {
    case .packets: nil
    case .versionOne: versionOneKeys == nil ? nil : \.versionOne
    case .text: \.lines
    }
  }

  /// Lets one more reader of this dialect read from now on; nil where it reads the packets.
  mutating func follow(as dialect: Room.Dialect) -> (LogCursor, LogPublication)? {
    guard let path = rendering(for: dialect) else { return nil }
    var rendering = self[keyPath: path] ?? Rendering(log: packets.companion)
    rendering.readers += 1
    self[keyPath: path] = rendering
    return (rendering.log.cursor, rendering.log.publication)
  }

  /// One reader of this dialect has gone.
  mutating func unfollow(as dialect: Room.Dialect) {
    guard let path = rendering(for: dialect) else { return }
    self[keyPath: path]?.readers -= 1
    guard let rendering = self[keyPath: path], rendering.readers == 0 else { return }
    if rendering.log.isHeldBack { leaving.append(rendering.log) }
    self[keyPath: path] = nil
  }

  /// Where the log that a member of this dialect reads ends now.
  func end(for dialect: Room.Dialect) -> LogPosition {
    guard let path = rendering(for: dialect) else { return packets.end }
    return self[keyPath: path]?.log.end ?? 0
  }

  // MARK: Packets

  enum Failure: Error { case tooLong }

  /// Appends a message to everybody.
  mutating func appendChat(
    from name: Name, _ raw: Span<UInt8>, _ content: Content, _ number: MessageNumber?,
    at now: Moment
  ) throws(Failure) {
    writeChat(from: name, raw, content, to: nil, id: lastID + 1, number, at: now)
    guard writer.bytes.count <= Limits.hostLine else { throw .tooLong }
    lastID += 1
    messageCount += 1
    keepAndAppend(lastID)
    if lines != nil { appendChatLine(from: name, raw, content) }
    if versionOne != nil, case .sealed(let opened) = content {
      appendVersionOne(versionOneChat(from: name, opened, at: now))
    }
  }

  /// Writes a chat packet into ``writer``.
  mutating func writeChat(
    from name: Name, _ raw: Span<UInt8>, _ content: Content, to recipient: [UInt8]?, id: Int64?,
    _ number: MessageNumber?, at now: Moment
  ) {
    // Few appends, for each of them costs more than the bytes it adds.
    if case .text = content, recipient == nil {
      writer.begin(with: name.chatPacketHead)
    } else {
      beginChat(from: name, content, to: recipient)
    }
    writer.raw(raw)
    if let id {
      writer.key("\",\"id\":")
      writer.integer(id)
    } else {
      writer.key("\"")
    }
    writer.time(now.unixMilliseconds)
    if let number { writer.number(number) }
    writer.end()
  }

  /// Writes a chat packet up to the quotation mark before its text or payload.
  private mutating func beginChat(from name: Name, _ content: Content, to recipient: [UInt8]?) {
    writer.begin("chat")
    switch content {
    case .text: writer.key(",\"encrypted\":false,\"from\":")
    case .sealed: writer.key(",\"encrypted\":true,\"from\":")
    }
    writer.escaped(name.escaped)
    if let recipient {
      writer.key(",\"to\":")
      writer.escaped(recipient)
    }
    switch content {
    case .text: writer.key(",\"text\":\"")
    case .sealed: writer.key(",\"payload\":\"")
    }
  }

  /// Appends a packet of the host's about a member, or about nobody in particular.
  mutating func appendSystem(
    _ event: StaticString, _ name: Name?, to other: Name? = nil, text: String, id: Int64,
    at now: Moment
  ) {
    writeSystem(event, name, to: other, text: text, id: id, at: now)
    writer.end()
    keepAndAppend(id)
    appendLine(Transcript.system(text))
    if versionOne != nil { appendVersionOne(versionOneSystem(text)) }
  }

  /// Writes a system packet into ``writer``, still without its end.
  mutating func writeSystem(
    _ event: StaticString, _ name: Name?, to other: Name?, text: String, id: Int64, at now: Moment
  ) {
    writer.begin("system")
    writer.key(",\"encrypted\":false,\"event\":\"")
    writer.key(event)
    writer.key("\"")
    if let name {
      writer.key(",\"name\":")
      writer.escaped(name.escaped)
    }
    if let other {
      writer.key(",\"to\":")
      writer.escaped(other.escaped)
    }
    writer.key(",\"text\":")
    writer.string(text)
    writer.key(",\"id\":")
    writer.integer(id)
    writer.time(now.unixMilliseconds)
  }

  mutating func appendCount(_ total: Int) {
    writer.begin("count")
    writer.key(",\"total\":")
    writer.integer(Int64(total))
    writer.end()
    packets.append(writer.bytes)
    journal?.append(writer.bytes)
    if screenShowsPackets { advanceScreen() }
    appendLine(Transcript.count(total))
    if versionOne != nil { appendVersionOne(writer.bytes) }
  }

  private mutating func keepAndAppend(_ id: Int64) {
    if kept.isEmpty { kept.begin(at: packets.cursor) }
    let start = packets.end
    packets.append(writer.bytes)
    journal?.append(writer.bytes)
    kept.append(id, at: start, end: packets.end)
    if screenShowsPackets { advanceScreen() }
  }

  // MARK: The log file

  /// Writes down what no packet says.
  mutating func note(_ note: LogNote) { journal?.append(note) }

  /// See ``Journal/endStep()``.
  @inline(__always)
  mutating func endStep() { journal?.endStep() }

  /// Takes out what has not been recorded yet; nil if that is nothing.
  mutating func takeUnrecorded() -> UnrecordedGroup? {
    guard let (bytes, end) = journal?.takeAll(), let recording = journal?.recording, !bytes.isEmpty
    else { return nil }
    let logs = [packets, lines?.log, versionOne?.log].compactMap { $0 } + leaving
    leaving = []
    return UnrecordedGroup(
      bytes: bytes, recording: recording, recordedEnd: end,
      published: logs.map { ($0.publication, $0.end) })
  }

  /// Goes on without the log file.
  mutating func abandonJournal() {
    journal?.abandon()
    journal = nil
    packets.release()
    lines?.log.release()
    versionOne?.log.release()
    for index in leaving.indices { leaving[index].release() }
    leaving = []
  }

  // MARK: Lines

  private mutating func appendLine(_ text: String) {
    guard lines != nil else { return }
    appendLine(Array((text + "\n").utf8))
  }

  private mutating func appendLine(_ bytes: [UInt8]) {
    lines?.log.append(bytes)
    noteLine()
  }

  /// The screen has one line more to show.
  private mutating func noteLine() {
    guard !screenShowsPackets, let end = lines?.log.end else { return }
    if screen?.lineAppended(end) ?? false, let cursor = lines?.log.cursor {
      screen?.skip(to: cursor)
    }
  }

  /// Appends a message as the line that people see: `NAME: TEXT`.
  private mutating func appendChatLine(
    from name: Name, _ raw: Span<UInt8>, _ content: Content
  ) {
    switch content {
    case .sealed(let opened):
      guard !opened.span.isPlainAndPrintable else { return appendPlainLine(name, opened.span) }
      appendLine(Transcript.chat(from: name.text, String(decoding: opened, as: UTF8.self)))
    case .text(let hasEscapes):
      guard hasEscapes || !raw.isPlainAndPrintable else { return appendPlainLine(name, raw) }
      var bytes: [UInt8] = []
      bytes.append(raw)
      let whole = JSONString(start: 0, end: Int32(raw.count), hasEscapes: hasEscapes)
      appendLine(Transcript.chat(from: name.text, JSONText.text(whole, in: bytes.span)))
    }
  }

  /// What nearly every message is like needs no detour over strings.
  private mutating func appendPlainLine(_ name: Name, _ text: Span<UInt8>) {
    let head = name.chatLineHead
    lines?.log.append(line: head.span, text)
    noteLine()
  }

  // MARK: Version 1 in a secure room

  private mutating func appendVersionOne(_ packet: [UInt8]?) {
    if let packet { versionOne?.log.append(packet) }
  }

  /// A message sealed with cipher 1; nil if the machine gives no randomness.
  func versionOneChat(
    from name: Name, to recipient: [UInt8]? = nil, _ text: [UInt8], at now: Moment
  )
    -> [UInt8]?
  {
    guard let sealed = versionOneKeys?.seal(text) else { return nil }
    var writer = PacketWriter()
    writer.begin("chat")
    writer.key(",\"encrypted\":true,\"from\":")
    writer.escaped(name.escaped)
    if let recipient {
      writer.key(",\"to\":")
      writer.escaped(recipient)
    }
    writer.key(",\"payload\":")
    writer.escaped(Base64.encode(sealed))
    writer.time(now.unixMilliseconds)
    writer.end()
    return writer.bytes
  }

  private func versionOneSystem(_ text: String) -> [UInt8]? {
    guard let sealed = versionOneKeys?.seal(Array(text.utf8)) else { return nil }
    var writer = PacketWriter()
    writer.begin("system")
    writer.key(",\"encrypted\":true,\"payload\":")
    writer.escaped(Base64.encode(sealed))
    writer.end()
    return writer.bytes
  }

  // MARK: The screen

  /// Lets the host's screen read from now on.
  mutating func showOnScreen(packets showsPackets: Bool, maxLag: Int) {
    screenShowsPackets = showsPackets
    if !showsPackets, follow(as: .text) != nil, let lines {
      screen = ScreenFeed(lines.log, maxLag: maxLag)
    } else {
      screen = ScreenFeed(packets, maxLag: maxLag)
    }
  }

  /// Nobody looks at the screen any more.
  mutating func closeScreen() {
    if screen != nil, !screenShowsPackets { unfollow(as: .text) }
    screen = nil
  }

  mutating func note(_ line: String) { screen?.note(line) }

  mutating func note(event: [UInt8]) { if screenShowsPackets { screen?.note(event: event) } }

  mutating func nextForScreen() -> ScreenFeed.Item? { screen?.next() }

  /// The packets that the screen reads are one more.
  private mutating func advanceScreen() {
    if screen?.lineAppended(packets.end) ?? false { screen?.skip(to: packets.cursor) }
  }
}
