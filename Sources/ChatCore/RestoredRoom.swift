/// A room as its log file says it was, for a host that goes on with it.
package struct RestoredRoom: Sendable {
  struct Member: Sendable {
    var name: Name
    /// Whether it can come again by its token, as version 2 clients can.
    var hasToken: Bool
  }

  package let head: LogHead
  package private(set) var lastID: Int64
  /// The id from which on nothing is missing.
  private(set) var wholeFrom: Int64
  /// By the ids of their joins.
  private(set) var members: [Int64: Member] = [:]
  private(set) var senders = SenderTable()
  private(set) var hostNumber: Int64
  private(set) var lastNumber: Int64
  /// The last packets, as many as the host keeps in memory.
  private(set) var packets = RoomLog()
  private(set) var kept: KeptPackets
  private let history: Int
  /// Members as everybody was told last, and joins since then that are still to be told of; nil where
  /// this part does not say.
  private var toldCount: Int64?
  private var untoldJoins: Int64 = 0
  private var joinIDs: [String: Int64] = [:]
  private var foldedNames: Set<String> = []

  init(_ head: LogHead, history: Int, after earlier: RestoredRoom?) {
    self.head = head
    self.history = history
    lastID = head.lastID
    wholeFrom = head.wholeFrom
    hostNumber = head.hostNumber
    lastNumber = head.lastNumber
    if let earlier, earlier.head.room == head.room, earlier.lastID == head.lastID {
      packets = earlier.packets
      kept = earlier.kept
    } else {
      kept = KeptPackets(limit: history, droppedID: head.lastID)
    }
  }

  package var memberCount: Int { members.count }

  /// Whether all packets after this id are among those that are kept, so that there is room for more.
  package func keepsAll(after id: Int64) -> Bool { kept.droppedID <= id }

  /// Before this id there is no file.
  package mutating func noteOldest(after id: Int64) { wholeFrom = max(wholeFrom, id) }

  /// Joins and leaves that were folded into a notice which never came; nil for none.
  var untold: (joins: Int, leaves: Int)? {
    guard let toldCount else { return nil }
    let leaves = max(0, toldCount + untoldJoins - Int64(members.count))
    guard untoldJoins + leaves > 0 else { return nil }
    return (Int(clamping: untoldJoins), Int(clamping: leaves))
  }

  // MARK: What a line says

  mutating func apply(_ read: LogLine, _ line: Span<UInt8>) throws(LogFailure.Reason) {
    switch read {
    case .chat(let id, let from, let number):
      try keep(id, line)
      if let number { note(number, from: from) }
    case .system(let id, _): try keep(id, line)
    case .count(let total):
      append(line)
      toldCount = total
      untoldJoins = 0
    case .note(let note, _): try apply(note)
    }
  }

  private mutating func keep(_ id: Int64, _ line: Span<UInt8>) throws(LogFailure.Reason) {
    try draw(id)
    if kept.isEmpty { kept.begin(at: packets.cursor) }
    let start = packets.end
    append(line)
    kept.append(id, at: start, end: packets.end)
  }

  private mutating func draw(_ id: Int64) throws(LogFailure.Reason) {
    try check(id)
    // Ids have no gaps: somebody has taken lines out.
    if id > lastID + 1 { miss(through: id - 1) }
    lastID = id
  }

  private func check(_ id: Int64) throws(LogFailure.Reason) {
    guard id > lastID else { throw .line("Its id does not follow the last.") }
    guard id <= Limits.largestLogID else { throw .line("After its id there are too few left.") }
  }

  private mutating func miss(through id: Int64) {
    wholeFrom = id
    packets = RoomLog()
    kept = KeptPackets(limit: history, droppedID: id)
  }

  private mutating func append(_ line: Span<UInt8>) {
    packets.append(line)
    packets.append([UInt8(ascii: "\n")])
  }

  private mutating func note(_ number: MessageNumber, from name: String) {
    if number.sid == head.sid {
      hostNumber = max(hostNumber, number.n)
    } else {
      // Nobody's join has the id 0.
      note(number, owner: joinIDs[name] ?? 0)
    }
  }

  private mutating func note(_ number: MessageNumber, owner: Int64) {
    if senders.verdict(number, owner: owner) == .new {
      senders.note(number, owner: owner)
    }
  }

  private mutating func apply(_ note: LogNote) throws(LogFailure.Reason) {
    switch note {
    case .joined(let join, let text, let hasToken): try enter(join, text, hasToken: hasToken)
    case .left(let join):
      guard let member = members.removeValue(forKey: join) else {
        throw .line("Who left was not there.")
      }
      forget(member.name)
    case .renamed(let join, let text):
      guard let old = members[join]?.name else { throw .line("Who was renamed was not there.") }
      forget(old)
      let name = try remember(text, join)
      members[join]?.name = name
    case .said(let number, let owner): self.note(number, owner: owner)
    case .drawn(let id):
      try draw(id)
      untoldJoins += 1
    case .lost(let id):
      try check(id)
      lastID = id
      miss(through: id)
      // The room went on, and told of what was folded.
      toldCount = nil
      untoldJoins = 0
      hostNumber = min(hostNumber + Limits.idsLeftOut, Limits.largestInteger - 1)
    }
  }

  private mutating func enter(_ join: Int64, _ text: String, hasToken: Bool)
    throws(LogFailure.Reason)
  {
    if let member = members[join] {
      guard member.name.text == text else { throw .line("This join has another name.") }
      members[join]?.hasToken = hasToken
      return
    }
    guard members.count < Limits.membersRestored else { throw .tooMuch }
    members[join] = Member(name: try remember(text, join), hasToken: hasToken)
  }

  private mutating func remember(_ text: String, _ join: Int64) throws(LogFailure.Reason) -> Name {
    guard let name = Name(text) else { throw .line("This is no name.") }
    guard foldedNames.insert(name.folded).inserted else { throw .line("This name is taken.") }
    joinIDs[text] = join
    if name.isReserved, let number = Int64(name.folded.dropFirst(5)), number < 1 << 53 {
      lastNumber = max(lastNumber, number)
    }
    return name
  }

  private mutating func forget(_ name: Name) {
    joinIDs[name.text] = nil
    foldedNames.remove(name.folded)
  }
}
