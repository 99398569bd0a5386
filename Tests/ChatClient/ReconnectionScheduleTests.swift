import Testing

@testable import ChatClient

/// When a lost connection is tried for again.
@Suite("when to try again") struct ReconnectionScheduleTests {
  private let second: UInt64 = 1_000_000_000

  private func waits(_ reconnection: inout Reconnection, _ count: Int, random: UInt64) -> [Double] {
    var now: UInt64 = 1_000 * second
    return (0..<count).compactMap { _ in
      guard let next = reconnection.nextTry(after: now, isSlow: false, random: random) else {
        return nil
      }
      defer { now = next }
      return Double(next - now) / Double(second)
    }
  }

  @Test("the waits double from 1 s to 30 s, each between half and one and a half times")
  func doubling() {
    var least = Reconnection(.init())
    #expect(waits(&least, 7, random: 0) == [0.5, 1, 2, 4, 8, 15, 15])
    var most = Reconnection(.init())
    let longest: [Double] = [1.5, 3, 6, 12, 24, 45]
    for (wait, end) in zip(waits(&most, 6, random: .max - 1), longest) { #expect(wait <= end) }
  }

  @Test("a connection that lasts begins anew, one that is cut at once does not")
  func lasting() {
    var reconnection = Reconnection(.init())
    _ = waits(&reconnection, 3, random: 0)
    var now: UInt64 = 5_000 * second
    reconnection.succeeded(at: now)
    now += second
    var next = reconnection.nextTry(after: now, isSlow: false, random: 0)
    #expect(next == now + 4 * second)
    reconnection.succeeded(at: now)
    now += 9 * second
    next = reconnection.nextTry(after: now, isSlow: false, random: 0)
    #expect(next == now + second / 2)
  }

  @Test("a host that closed on purpose is left in peace for long")
  func slow() {
    var reconnection = Reconnection(.init())
    let next = reconnection.nextTry(after: 0, isSlow: true, random: 15 * second)
    #expect(next == 30 * second)
  }

  @Test("it gives up when its patience ends, with a last try just then")
  func patience() {
    var settings = Reconnection.Settings()
    settings.patience = 10 * second
    var reconnection = Reconnection(settings)
    let waits = waits(&reconnection, 20, random: 0)
    #expect(waits == [0.5, 1, 2, 4, 2.5])
    reconnection.succeeded(at: 2_000 * second)
    let next = reconnection.nextTry(after: 3_000 * second, isSlow: false, random: 0)
    #expect(next != nil, "and begins anew once it was there")
  }
}
