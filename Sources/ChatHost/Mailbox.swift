import ChatCore
import Sockets
import Synchronization

/// What other threads ask of a worker, asking wakes it; and what it lets them see.
final class Mailbox: Sendable {
  enum Letter: Sendable {
    /// Begin to accept: every worker is there.
    case listen
    /// Serve this accepted socket.
    case adopt(descriptor: Int32, Address)
    case deliver(Delivery)
    /// Say what is asked about the connections here.
    case answer(Survey)
    /// Say goodbye to everybody and end.
    case close
  }

  let wakeup: Wakeup
  private let letters = Mutex<[Letter]>([])
  private let counts = Mutex(WorkerCounts())

  /// What the worker has counted up to its last turn.
  var published: WorkerCounts { counts.withLock { $0 } }

  func publish(_ new: WorkerCounts) { counts.withLock { $0 = new } }

  init() throws(SystemError) { wakeup = try Wakeup() }

  func put(_ letter: Letter) {
    letters.withLock { $0.append(letter) }
    wakeup.signal()
  }

  /// Takes all letters, in the order they came.
  func takeAll() -> [Letter] {
    letters.withLock { letters in
      let taken = letters
      letters = []
      return taken
    }
  }
}
