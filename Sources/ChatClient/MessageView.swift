import ChatCore
import Sockets
import Terminal

/// What the room looks like at the prompt: the lines of the ``Transcript`` word for word, with colours
/// and, if asked for, times.
package struct MessageView {
  package var settings: PromptSettings
  /// This user's name, to be highlighted.
  package var ownName = ""

  /// The parts of a moment, in the user's time zone.
  private let localTime: (_ unixSeconds: Int64) -> CalendarTime
  /// The day of the last line; at first, today.
  private var day: String?

  package init(
    _ settings: PromptSettings,
    localTime: @escaping (_ unixSeconds: Int64) -> CalendarTime = Clock.local
  ) {
    self.settings = settings
    self.localTime = localTime
  }

  // MARK: Packets

  /// The lines for a packet; none for one that is not shown.
  /// - Parameter now: milliseconds since the Unix epoch, for what bears no time of its own.
  package mutating func lines(for packet: HostPacket, at now: Int64) -> [StyledLine] {
    switch packet {
    case .chat(let chat): return lines(for: chat, at: now)
    case .system(let system):
      let isComing = system.event == "join" || system.event == "leave"
      guard case .text(let text) = system.body, settings.showsJoins || !isComing else { return [] }
      return stamped([StyledLine(Transcript.system(text), .dim)], at: system.time ?? now, now)
    case .count where !settings.showsJoins: return []
    case .count(let total):
      return stamped([StyledLine(Transcript.count(Int(total)), .dim)], at: now, now)
    case .error(_, let reason, _):
      return stamped([StyledLine(Transcript.error(reason), .error)], at: now, now)
    default:
      guard let text = Transcript.line(for: packet) else { return [] }
      return stamped([StyledLine(text)], at: now, now)
    }
  }

  private mutating func lines(for chat: HostPacket.Chat, at now: Int64) -> [StyledLine] {
    guard case .text(let text) = chat.body else { return [] }
    var first = StyledLine()
    if let to = chat.to {
      first.append("[")
      append(name: chat.from, to: &first)
      first.append(" -> ")
      append(name: to, to: &first)
      first.append("] ")
    } else {
      append(name: chat.from, to: &first)
      first.append(": ")
    }
    var lines = Self.split(text).map { line in marked(DisplayText.line(line), in: chat) }
    first.append(lines[0])
    lines[0] = first
    return stamped(lines, at: chat.time ?? now, now)
  }

  /// A word of the program's own. No name begins like it.
  package mutating func lines(note: String, at now: Int64) -> [StyledLine] {
    stamped([StyledLine("! \(DisplayText.line(note))", .note)], at: now, now)
  }

  /// A line as the plain transcript has it.
  package mutating func lines(plain: String, at now: Int64) -> [StyledLine] {
    stamped([StyledLine(DisplayText.line(plain))], at: now, now)
  }

  /// A message on its way, on one line.
  package func pending(_ text: String, to recipient: String?) -> StyledLine {
    let lines = Self.split(text)
    let more = lines.count > 1 ? " … (\(lines.count) lines)" : ""
    let name = DisplayText.line(ownName)
    let author = recipient.map { "[\(name) -> \(DisplayText.line($0))]" } ?? "\(name):"
    return StyledLine("… \(author) \(DisplayText.line(lines[0]))\(more)", .dim)
  }

  /// Not by characters: CR and LF together are one, and a CR alone is to be seen.
  private static func split(_ text: String) -> [String] {
    text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  // MARK: Names

  private func append(name: String, to line: inout StyledLine) {
    line.append(DisplayText.line(name), name == ownName ? .bold : Self.style(of: name))
  }

  /// The same name has the same colour, in each room and each time.
  package static func style(of name: String) -> StyledLine.Style {
    // FNV-1a, 32 bits: spreads short texts well, and stays the same from version to version.
    var hash: UInt32 = 2_166_136_261
    for byte in name.lowercased().utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    // Readable on dark and on light ground: no black, white or dark blue.
    let colors = [31, 32, 33, 35, 36, 91, 92, 93, 94, 95, 96]
    return StyledLine.Style(codes: "\(colors[Int(hash) % colors.count])")
  }

  /// Somebody else's text with this user's name highlighted in it.
  private func marked(_ text: String, in chat: HostPacket.Chat) -> StyledLine {
    guard chat.from != ownName else { return StyledLine(text) }
    let scalars = Array(text.unicodeScalars)
    var line = StyledLine()
    var start = 0
    for place in Mention.places(of: ownName, in: scalars) {
      line.append(Self.text(scalars[start..<place.lowerBound]))
      line.append(Self.text(scalars[place]), .inverse)
      start = place.upperBound
    }
    line.append(Self.text(scalars[start...]))
    return line
  }

  private static func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }

  // MARK: The bell

  /// Whether the bell rings for a packet.
  package func rings(for packet: HostPacket) -> Bool {
    guard case .chat(let chat) = packet, case .text(let text) = chat.body, chat.from != ownName
    else { return false }
    return switch settings.bell {
    case .off: false
    case .private: chat.to != nil
    case .mention:
      chat.to != nil || !Mention.places(of: ownName, in: Array(text.unicodeScalars)).isEmpty
    case .all: true
    }
  }

  // MARK: Times

  /// Columns that stand before each line.
  package var stampWidth: Int {
    switch settings.timestamps {
    case .off: 0
    case .short: 6
    case .full: 20
    }
  }

  /// The blanks that further lines and rows of a message begin with.
  package var indent: Int { stampWidth + 4 }

  private mutating func stamped(
    _ lines: [StyledLine], at time: Int64, _ now: Int64
  ) -> [StyledLine] {
    let moment = localTime(Self.seconds(time))
    var stamped: [StyledLine] = []
    var stamp = StyledLine()
    if settings.timestamps != .off {
      let today = day ?? localTime(Self.seconds(now)).date
      if moment.date != today { stamped.append(StyledLine("--- \(moment.date) ---", .dim)) }
      day = moment.date
      let text =
        settings.timestamps == .short ? moment.hoursAndMinutes : "\(moment.date) \(moment.time)"
      stamp.append("\(text) ", .dim)
    }
    for (index, line) in lines.enumerated() {
      var whole = index == 0 ? stamp : StyledLine(String(repeating: " ", count: indent))
      whole.append(line)
      stamped.append(whole)
    }
    return stamped
  }

  /// Rounded down, also before 1970.
  private static func seconds(_ milliseconds: Int64) -> Int64 {
    milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
  }
}
