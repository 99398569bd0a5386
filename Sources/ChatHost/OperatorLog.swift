import ChatCore
import Sockets
import Synchronization

/// The host's log for its operator: who was let in, who was not and why, who was cut.
///
/// Whoever notes something never waits: lines are kept up to a bound and written by a thread of their
/// own, or by a prompt. What a flood would add is counted instead.
package final class OperatorLog: Sendable {
  package enum Form: Sendable {
    /// For a terminal that shows the room too: what the room does not show, without times.
    case short
    /// For a file or another program: all of it.
    case full(hasTimes: Bool)
  }

  private struct State {
    var lines: [String] = []
    var second: UInt64 = 0
    var linesInSecond = 0
    var left = 0
    var isClosed = false
  }

  private let form: Form
  private let state = Mutex(State())
  private let wakeup: Wakeup
  private let end: Wakeup

  package init(_ form: Form) throws(SystemError) {
    self.form = form
    wakeup = try Wakeup()
    end = try Wakeup()
  }

  /// Notes what has become of a connection.
  func note(_ news: HostSession.News, of address: String, at now: Moment) {
    switch (form, news) {
    case (.short, .admitted), (.short, .ended(.kicked, _)): return
    default: note(Self.words(for: news, of: address), at: now)
    }
  }

  /// Notes a line, which must be fit to be shown.
  func note(_ line: String, at now: Moment) {
    let line = stamped(line, at: now)
    let isFirst = state.withLock { state in
      let wasEmpty = state.lines.isEmpty
      let second = now.monotonic / 1_000_000_000
      if second != state.second {
        tellLeftOut(&state, at: now)
        state.second = second
        state.linesInSecond = 0
      }
      state.linesInSecond += 1
      guard state.linesInSecond <= Limits.operatorLogLinesPerSecond,
        state.lines.count < Limits.operatorLogLines
      else {
        state.left += 1
        // How many there were is told soon, whether or not anything comes after them.
        return state.left == 1
      }
      state.lines.append(line)
      return wasEmpty
    }
    if isFirst { wakeup.signal() }
  }

  private func tellLeftOut(_ state: inout State, at now: Moment) {
    guard state.left > 0 else { return }
    state.lines.append(stamped("(\(state.left) more lines left out)", at: now))
    state.left = 0
  }

  private func stamped(_ line: String, at now: Moment) -> String {
    guard case .full(hasTimes: true) = form else { return line }
    return "\(Clock.date(unixSeconds: now.unixMilliseconds / 1_000)) \(line)"
  }

  static func words(for news: HostSession.News, of address: String) -> String {
    switch news {
    case .admitted(let name): "admitted \(DisplayText.line(name)) from \(address)"
    case .refused(let refusal): "refused \(address): \(refusal.reason)"
    case .unproven: "refused \(address): It did not prove that it knows the password."
    case .rejected(let reason, let name):
      "closed \(who(name, address)): \(DisplayText.line(reason))"
    case .ended(let farewell, let name): "closed \(who(name, address)): \(words(for: farewell))"
    }
  }

  private static func who(_ name: String?, _ address: String) -> String {
    name.map { "\(DisplayText.line($0)) from \(address)" } ?? address
  }

  private static func words(for farewell: Farewell) -> String {
    switch farewell {
    case .shutdown: "The host is shutting down."
    case .tooSlow: "It did not read fast enough."
    case .timeout: "Nothing was heard from it."
    case .historyGone: "What it missed is not in the log any more."
    case .takenOver: "It came again by a new connection."
    case .kicked(let reason): "Put out: \(DisplayText.line(reason))"
    }
  }

  // MARK: Writing

  /// Readable when there are lines to take.
  package var descriptor: Int32 { wakeup.number }

  package func takeLines(
    at now: Moment = Moment(
      monotonic: Clock.monotonic(), unixMilliseconds: Clock.unixMilliseconds())
  ) -> [String] {
    wakeup.clear()
    return state.withLock { state in
      if state.isClosed || now.monotonic >= Self.end(of: state.second) {
        tellLeftOut(&state, at: now)
      }
      defer { state.lines = [] }
      return state.lines
    }
  }

  /// When to take lines even if ``descriptor`` does not ask for it, in nanoseconds of the monotonic
  /// clock; nil for never.
  package var deadline: UInt64? {
    state.withLock { $0.left > 0 ? Self.end(of: $0.second) : nil }
  }

  private static func end(of second: UInt64) -> UInt64 { (second + 1) * 1_000_000_000 }

  /// Pause between writes, in nanoseconds.
  private static let pause: UInt64 = 50_000_000

  /// Writes what comes until ``close()``, or until nobody reads it any more.
  package func write(to output: Int32) {
    defer { end.signal() }
    do throws(SystemError) {
      while true {
        let now = Clock.monotonic()
        _ = try wait(
          for: .reading, on: wakeup.number, timeout: deadline.map { max($0, now) - now })
        let isLast = state.withLock(\.isClosed)
        let lines = takeLines()
        if !lines.isEmpty { try writeAll(lines.joined(separator: "\n") + "\n", to: output) }
        if isLast { return }
        // Under load lines come in batches: a thread that wakes for each costs more than they do.
        Clock.pause(Self.pause)
      }
    } catch {
      // There is nobody to tell.
    }
  }

  /// Lets what was noted be written, but waits no longer for that than for a client.
  package func close() {
    state.withLock { $0.isClosed = true }
    wakeup.signal()
    _ = try? wait(for: .reading, on: end.number, timeout: Limits.farewellTime)
  }
}
