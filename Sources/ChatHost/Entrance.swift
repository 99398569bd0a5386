import ChatCore
import Glibc
import Sockets

/// Where new connections come in: a worker's listeners, and when they are not to be listened to.
struct Entrance {
  private let listeners: [Listener]
  private(set) var isOpen = false
  /// Until when it stays closed, if it opens again by itself.
  private(set) var pausedUntil: UInt64?
  /// While very many wait for admission: those that are still accepted before the next pause, and how
  /// many waited when the last one began.
  private var allowance = 0
  private var waitingAtPause: Int?
  /// Such pauses in a row in which nobody was admitted.
  private var fruitless = 0

  /// The tag of the first listener; the others count down from there.
  private static let firstTag = UInt64.max - 1
  /// How long it stays closed where there is not enough of something, in nanoseconds.
  private static let shortage: UInt64 = 100_000_000

  init(_ listeners: [Listener]) { self.listeners = listeners }

  /// Which listener the poller knows by this tag; nil for none.
  func listener(tagged tag: UInt64) -> Int? {
    let index = Self.firstTag - tag
    return index < UInt64(listeners.count) ? Int(index) : nil
  }

  /// Begins to listen.
  mutating func open(_ poller: inout Poller, at now: UInt64) throws(SystemError) {
    guard !isOpen else { return }
    isOpen = true
    pausedUntil = nil
    for (index, listener) in listeners.enumerated() {
      do throws(SystemError) {
        try poller.add(listener.number, tag: Self.firstTag - UInt64(index), .reading)
      } catch  where error.code == EEXIST {
        continue
      } catch {
        // No memory for it just now.
        isOpen = false
        pausedUntil = now + Self.shortage
      }
    }
  }

  /// Opens again, if its pause is over.
  mutating func openAfterPause(_ poller: inout Poller, at now: UInt64) throws(SystemError) {
    if let pausedUntil, pausedUntil <= now { try open(&poller, at: now) }
  }

  /// Listens no more.
  mutating func close(_ poller: inout Poller) throws(SystemError) {
    pausedUntil = nil
    guard isOpen else { return }
    isOpen = false
    for listener in listeners { try poller.remove(listener.number) }
  }

  private mutating func pause(
    for nanoseconds: UInt64, _ poller: inout Poller, at now: UInt64
  ) throws(SystemError) {
    try close(&poller)
    pausedUntil = now + nanoseconds
  }

  /// Takes the next connection of a listener. It closes for a while, and says that nobody waits, where
  /// the others are better left in the kernel's queue.
  /// - Parameters:
  ///   - waiting: connections that wait for admission, in all.
  ///   - isFull: whether there are as many connections as there may be.
  mutating func accept(
    at listener: Int, waiting: Int, isFull: Bool, _ poller: inout Poller, at now: UInt64
  ) throws(SystemError) -> Listener.Accepted {
    if isFull {
      try pause(for: Self.shortage, &poller, at: now)
      return .wouldBlock
    }
    allow(waiting)
    if waiting >= Limits.pendingAdmissionsUnrefused, allowance == 0 {
      waitingAtPause = waiting
      try pause(for: Self.moment, &poller, at: now)
      return .wouldBlock
    }
    do throws(SystemError) {
      switch try listeners[listener].accept() {
      case .connection(let socket, let address):
        allowance = max(0, allowance - 1)
        return .connection(socket, address)
      case .wouldBlock: return .wouldBlock
      case .aborted: return .aborted
      }
    } catch {
      // Descriptors or memory have run out. Trying at once again would only spin.
      try pause(for: Self.shortage, &poller, at: now)
      return .wouldBlock
    }
  }

  /// An office coming back at once is no attack: those accepted get some moments to say who they are, and
  /// then as many follow. Those who use them for nothing are not waited for: the others would wait behind
  /// them.
  private mutating func allow(_ waiting: Int) {
    guard waiting >= Limits.pendingAdmissionsUnrefused else {
      allowance = 0
      fruitless = 0
      waitingAtPause = nil
      return
    }
    guard let before = waitingAtPause.take() else { return }
    let entered = before - waiting
    if entered > 0 {
      fruitless = 0
      allowance = min(Self.batch, 2 * entered + 8)
    } else {
      fruitless += 1
      allowance = fruitless % Self.moments == 0 ? Self.batch : 0
    }
  }

  /// Moments that they get: an honest admission takes some round trips, and in a secure room the host's
  /// time for all the handshakes before it.
  private static let moments = 12
  /// How long a moment is, in nanoseconds.
  private static let moment: UInt64 = 20_000_000
  /// Connections accepted at a time.
  static let batch = 256
}
