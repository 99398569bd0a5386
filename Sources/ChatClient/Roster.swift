import ChatCore

/// The names in the room as far as packets told of them, for completion. It is no member list: that
/// is the host's to give.
package struct Roster {
  /// Names kept; as many as a `members` packet has.
  private static let longest = 1_000

  /// Who spoke last comes last.
  private var known: [String] = []

  package init() {}

  /// Names, who spoke last first.
  package var names: [String] { known.reversed() }

  package mutating func note(_ packet: HostPacket) {
    switch packet {
    case .chat(let chat): noteSpeaker(chat.from)
    case .system(let system):
      switch (system.event, system.name) {
      case ("join", let name?): if !known.contains(name) { insert(name) }
      case ("leave", let name?), ("kick", let name?): known.removeAll { $0 == name }
      case ("rename", let name?):
        known.removeAll { $0 == name }
        if let to = system.to { noteSpeaker(to) }
      default: break
      }
    case .members(_, let names):
      let all = Set(names)
      known.removeAll { !all.contains($0) }
      let old = Set(known)
      known.insert(contentsOf: names.reversed().filter { !old.contains($0) }, at: 0)
    default: break
    }
    if known.count > Self.longest { known.removeFirst(known.count - Self.longest) }
  }

  /// Who joins has said nothing yet.
  private mutating func insert(_ name: String) { known.insert(name, at: 0) }

  private mutating func noteSpeaker(_ name: String) {
    if known.last == name { return }
    known.removeAll { $0 == name }
    known.append(name)
  }
}
