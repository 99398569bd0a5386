import ChatCore
import Glibc
import Sockets
import Terminal

/// Shows the room above a prompt.
///
/// What comes waits here until the terminal takes it, up to a bound: a terminal that is stopped, by
/// Ctrl-S, does not stop the client.
package final class PromptFront: Front {
  /// Set while there is a prompt.
  var prompt: Prompt?
  private(set) var roster = Roster()
  private(set) var transcript = KeptTranscript()
  /// Who wrote privately last.
  private(set) var correspondent: String?
  /// Folded names of those who are not shown.
  private(set) var ignored: Set<String> = []

  private var view: MessageView
  private var queue: [[StyledLine]] = []
  private var queuedBytes = 0
  private var rings = false
  private var pending: [(id: Int64, text: String, recipient: String?)] = []
  private var hasChanged = false
  /// Whether the next `members` packet was asked for by the user; one for each that was asked for.
  private var membersAreShown: [Bool] = []
  /// No bell rings for what was said before.
  private var joinPoint = JoinPoint()

  package init(_ settings: PromptSettings) { view = MessageView(settings) }

  var bell: PromptSettings.Bell {
    get { view.settings.bell }
    set { view.settings.bell = newValue }
  }

  var ownName: String {
    get { view.ownName }
    set { view.ownName = newValue }
  }

  /// Names that somebody may mean: not this user's own.
  var names: [String] { roster.names.filter { $0 != ownName } }

  // MARK: What comes

  package func joined(as name: String, isSecure: Bool, at address: Address) {
    ownName = name
    if isSecure { put(view.lines(plain: "Authenticated as \(name)", at: now)) }
    put(view.lines(plain: "Connected to \(address)", at: now))
  }

  package func show(_ packet: HostPacket, line: [UInt8]) {
    roster.note(packet)
    joinPoint.note(packet)
    switch packet {
    case .authResult(.accepted(let admission)):
      ownName = admission.name
    case .members:
      let isShown = membersAreShown.isEmpty || membersAreShown.removeFirst()
      guard isShown else { return }
    case .system(let system):
      if system.event == "rename", system.name == ownName, system.token != nil, let to = system.to {
        ownName = to
      }
    case .chat(let chat):
      if ignored.contains(Name.folded(chat.from)), chat.from != ownName { return }
      if chat.to != nil, chat.from != ownName { correspondent = chat.from }
      if !joinPoint.isPast(chat), view.rings(for: packet) { rings = true }
    default: break
    }
    put(view.lines(for: packet, at: now))
  }

  package func tell(_ note: Note) {
    if case .renamed(let name) = note { ownName = name }
    tell(note.text)
  }

  package func said(_ text: String, to recipient: String?, id: Int64) {
    pending.append((id, text, recipient))
    hasChanged = true
  }

  package func settled(id: Int64) {
    pending.removeAll { $0.id == id }
    hasChanged = true
  }

  // MARK: What the prompt itself says

  /// A word about something that went wrong, or that changed.
  func tell(_ text: String) { put(view.lines(note: text, at: now)) }

  /// Lines of the program's own, as they are.
  func explain(_ lines: [String]) {
    put(lines.map { StyledLine(DisplayText.line($0), .dim) })
  }

  /// The next `members` packet is an answer to a question of this client's.
  func expectMembers(shown: Bool) { membersAreShown.append(shown) }

  /// Shows no more of what somebody says, or shows it again; false for the latter.
  func toggleIgnored(_ name: String) -> Bool {
    let folded = Name.folded(name)
    if ignored.remove(folded) != nil { return false }
    ignored.insert(folded)
    return true
  }

  private var now: Int64 { Clock.unixMilliseconds() }

  private func put(_ lines: [StyledLine]) {
    guard !lines.isEmpty else { return }
    for line in lines { transcript.append(line.plain) }
    queue.append(lines)
    queuedBytes += lines.reduce(0) { $0 + $1.plain.utf8.count + 1 }
  }

  // MARK: Writing

  /// When the terminal was drawn last, in nanoseconds of the monotonic clock.
  private var lastDrawn: UInt64 = 0

  /// When what waits is to be drawn, in nanoseconds of the monotonic clock; nil while nothing waits.
  var due: UInt64? {
    guard !queue.isEmpty || hasChanged || rings else { return nil }
    return prompt == nil ? 0 : lastDrawn + Limits.drawingTime
  }

  package var waitingOutput: Int32? {
    isStopped || due.map { $0 <= Clock.monotonic() } ?? false ? STDOUT_FILENO : nil
  }

  /// Whether the terminal takes nothing, so that it is to be waited for.
  var isStopped = false

  package var isFull: Bool { queuedBytes >= Limits.unreadOutput }

  /// Bytes written between two looks at whether the terminal takes more.
  private static let batch = 8 << 10

  package func flush() throws(SystemError) {
    guard waitingOutput != nil, try isTerminalReady else { return }
    isStopped = false
    hasChanged = false
    prompt?.pending = pending.map { view.pending($0.text, to: $0.recipient) }
    prompt?.erase()
    var count = 0
    while true {
      var text = rings ? "\u{7}" : ""
      rings = false
      let end = text.utf8.count + Self.batch
      while count < queue.count, text.utf8.count < end {
        for line in queue[count] { append(line, to: &text) }
        count += 1
      }
      if let prompt { prompt.write(text) } else { try writeAll(text, to: STDOUT_FILENO) }
      guard count < queue.count, try isTerminalReady else { break }
    }
    queue.removeFirst(count)
    if queue.isEmpty { queuedBytes = 0 }
    prompt?.draw()
    lastDrawn = Clock.monotonic()
  }

  private var isTerminalReady: Bool {
    get throws(SystemError) { try wait(for: .writing, on: STDOUT_FILENO, timeout: 0) }
  }

  private func append(_ line: StyledLine, to text: inout String) {
    let columns = prompt?.columns ?? 80
    for row in line.wrapped(to: columns, indent: view.indent, width: LineEditor.columns) {
      text += row.text(isColored: view.settings.isColored) + "\n"
    }
  }
}
