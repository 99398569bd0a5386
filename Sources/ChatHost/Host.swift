import ChatCore
import OpenSSL
import Sockets
import Synchronization

/// A running room: its listeners, its workers and its screen.
package final class Host: Sendable {
  package struct Configuration: Sendable {
    package var room: Room.Settings
    /// Bytes a client may be behind, see ``Limits/lag``.
    package var maxLag = Limits.lag
    /// Packets a second from each client; 0 for no bound.
    package var rate = 100
    package var threads = 1
    /// Connections at a time, over all workers; the others wait to be accepted.
    package var maxConnections = Int.max
    /// How long a client's admission may take, in nanoseconds.
    package var admissionTime = Limits.admissionTime
    /// For a room over TLS.
    package var tls: TLSContext?
    /// Where is noted what becomes of connections, for the operator.
    package var operatorLog: OperatorLog?
    /// Whether what is noted about connections is shown as packets, between those of the room.
    package var showsEvents = false
    /// Where the room is written down, and what was there already.
    package var log: (file: LogFile, restored: RestoredRoom)?
    /// Shows a complaint to the operator.
    package var report: @Sendable (String) -> Void = { _ in }

    package init(room: Room.Settings) { self.room = room }
  }

  let configuration: Configuration
  package let room: SharedRoom
  let hello: [UInt8]
  var operatorLog: OperatorLog? { configuration.operatorLog }
  /// When the host began, in nanoseconds of the monotonic clock.
  let beginning = Clock.monotonic()
  let mailboxes: [Mailbox]
  /// Connections that wait for admission, over all workers.
  let waiting = Atomic<Int>(0)
  /// All of them.
  let connections = Atomic<Int>(0)
  private let screenWakeup: Wakeup
  private let screenIsAwake = Atomic<Bool>(false)
  private let screenIsToEnd = Atomic<Bool>(false)
  private let screenEnd: Wakeup
  private let nextWorker = Atomic<Int>(0)
  private let readyWorkers = Atomic<Int>(0)
  let log: LogFile?
  let history: LogHistory?
  let logWakeup: Wakeup
  let isLogToEnd = Atomic<Bool>(false)
  let logThreads = Mutex<[OperatingThread]>([])
  let logFailure = Mutex<LogWriteFailure?>(nil)

  package init(_ configuration: Configuration) throws(SystemError) {
    self.configuration = configuration
    log = configuration.log?.file
    var mailboxes: [Mailbox] = []
    for _ in 0..<configuration.threads { mailboxes.append(try Mailbox()) }
    self.mailboxes = mailboxes
    let courier: @Sendable (Delivery) -> Void = { [mailboxes] delivery in
      mailboxes[Int(delivery.connection.worker)].put(.deliver(delivery))
    }
    if let (file, restored) = configuration.log {
      let now = Moment(
        monotonic: Clock.monotonic(), unixMilliseconds: Clock.unixMilliseconds())
      room = SharedRoom(
        Room(configuration.room, restored: restored, at: now), courier: courier)
      history = try LogHistory(file)
    } else {
      room = SharedRoom(configuration.room, courier: courier)
      history = nil
    }
    logWakeup = try Wakeup()
    hello = PacketWriter.hello(configuration.room)
    screenWakeup = try Wakeup()
    screenEnd = try Wakeup()
  }

  /// Starts the workers; the first of them accepts on the listeners.
  /// - Returns: the threads, to be joined after ``close()``.
  package func start(on listeners: [Listener]) throws(SystemError) -> [OperatingThread] {
    var threads: [OperatingThread] = []
    let logThreads = try startLog()
    self.logThreads.withLock { $0 = logThreads }
    for index in mailboxes.indices {
      threads.append(
        try OperatingThread(name: "worker \(index)") { [self] in
          Worker(index: index, host: self, listeners: index == 0 ? listeners : []).run()
        })
    }
    return threads
  }

  /// Notes that a worker has all it needs. Nobody is accepted before all have: connections must not
  /// take the descriptors that a worker cannot do without.
  func workerIsReady() {
    let ready = readyWorkers.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
    if ready == mailboxes.count { mailboxes[0].put(.listen) }
  }

  /// Says goodbye to everybody and ends the workers.
  package func close() {
    for mailbox in mailboxes { mailbox.put(.close) }
  }

  /// Says a line as `server`.
  func say(_ text: String, at now: Moment) throws(Room.SayFailure) {
    try room.withLock { room throws(Room.SayFailure) in try room.sayAsServer(text, at: now) }
    wakeAll(except: nil)
  }

  /// Puts a member out.
  /// - Returns: its name as it is written, and where it came from.
  func kick(_ name: String, reason: String, at now: Moment) throws(Room.KickFailure)
    -> (name: String, origin: Origin)
  {
    let kicked = try room.withLock { room throws(Room.KickFailure) in
      try room.kick(name, reason: reason, at: now)
    }
    if let end = kicked.end { mailboxes[Int(end.connection.worker)].put(.deliver(end)) }
    wakeAll(except: nil)
    return (kicked.name, kicked.origin)
  }

  /// Shows a packet of the host's own on a screen that shows packets.
  package func show(event: [UInt8]) {
    room.withLock { $0.note(event: event) }
    wakeScreen()
  }

  /// Asks all workers about their connections, and waits for that.
  func survey() -> (facts: [ConnectionID: Survey.Facts], isComplete: Bool) {
    // Without a descriptor to be woken by there is no answer.
    guard let survey = try? Survey(of: mailboxes.count) else { return ([:], false) }
    for mailbox in mailboxes { mailbox.put(.answer(survey)) }
    return survey.wait(atMost: Limits.surveyTime)
  }

  /// Records what is new, and tells the other workers and the screen that there is more to read.
  func wakeAll(except index: Int?) {
    record()
    for (other, mailbox) in mailboxes.enumerated() where other != index { mailbox.wakeup.signal() }
    wakeScreen()
  }

  func wakeScreen() {
    if !screenIsAwake.exchange(true, ordering: .acquiringAndReleasing) { screenWakeup.signal() }
  }

  /// The worker that serves the next connection.
  func chooseWorker() -> Int {
    nextWorker.wrappingAdd(1, ordering: .relaxed).oldValue % mailboxes.count
  }

  /// Waits until there is something to show.
  func waitForScreen() throws(SystemError) {
    _ = try wait(for: .reading, on: screenWakeup.number, timeout: nil)
    screenWakeup.clear()
  }

  /// Readable when there is something to show.
  var screenDescriptor: Int32 { screenWakeup.number }
  func clearScreenWakeup() { screenWakeup.clear() }

  /// Lets the screen show what is left, once the workers have ended. One that takes nothing is not
  /// waited for any longer than a client is.
  package func finishScreen() throws(SystemError) {
    screenIsToEnd.store(true, ordering: .releasing)
    screenWakeup.signal()
    _ = try wait(for: .reading, on: screenEnd.number, timeout: Limits.farewellTime)
  }

  /// Whether nothing more will come than what is there now.
  var isScreenToEnd: Bool { screenIsToEnd.load(ordering: .acquiring) }

  /// The screen shows nothing any more.
  func screenHasEnded() { screenEnd.signal() }

  /// The screen has shown all there was; from now on it has to be woken.
  func screenSleeps() { screenIsAwake.store(false, ordering: .sequentiallyConsistent) }
}
