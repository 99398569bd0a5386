import ChatCore

/// Moments at which connections want to be looked at, earliest first.
///
/// An entry is not taken out when it is no longer wanted: whoever is looked at too early just says
/// when next.
struct TimerHeap {
  struct Entry {
    let deadline: UInt64
    let connection: ConnectionID
  }

  private var entries: [Entry] = []

  /// The earliest moment; nil if there is none.
  var deadline: UInt64? { entries.first?.deadline }

  mutating func insert(_ entry: Entry) {
    entries.append(entry)
    var index = entries.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      guard entries[index].deadline < entries[parent].deadline else { return }
      entries.swapAt(index, parent)
      index = parent
    }
  }

  /// Takes the earliest entry, if its moment has come.
  mutating func takeDue(at now: UInt64) -> Entry? {
    guard let first = entries.first, first.deadline <= now else { return nil }
    let last = entries.removeLast()
    guard !entries.isEmpty else { return first }
    entries[0] = last
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2]
      where child < entries.count && entries[child].deadline < entries[least].deadline {
        least = child
      }
      guard least != index else { return first }
      entries.swapAt(index, least)
      index = least
    }
  }
}
