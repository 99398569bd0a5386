import ChatCore
import Sockets
import Synchronization

/// A question to all workers about their connections, which are theirs alone to look at: each answers
/// in its turn, between messages.
final class Survey: Sendable {
  /// What a worker knows of a connection and the room does not.
  struct Facts: Sendable {
    /// Bytes that wait for it.
    let lag: Int
    /// Nil for clear text.
    let tlsVersion: String?
  }

  private struct State {
    var missing: Int
    var facts: [ConnectionID: Facts] = [:]
  }

  private let state: Mutex<State>
  private let wakeup: Wakeup

  init(of workers: Int) throws(SystemError) {
    state = Mutex(State(missing: workers))
    wakeup = try Wakeup()
  }

  /// A worker's answer.
  func answer(_ facts: [(ConnectionID, Facts)]) {
    let isLast = state.withLock { state in
      state.missing -= 1
      for (id, entry) in facts { state.facts[id] = entry }
      return state.missing == 0
    }
    if isLast { wakeup.signal() }
  }

  /// Waits until all have answered, or long enough.
  /// - Returns: what is known, and whether all have answered.
  func wait(atMost nanoseconds: UInt64) -> (facts: [ConnectionID: Facts], isComplete: Bool) {
    _ = try? Sockets.wait(for: .reading, on: wakeup.number, timeout: nanoseconds)
    return state.withLock { ($0.facts, $0.missing == 0) }
  }
}
