import ChatCore
import Glibc
import Sockets

/// A thread that serves its share of the connections, and owns them.
///
/// In one turn it reads everything that is ready and then sends everything that moved, so what came
/// in together goes out together, in one write to each reader.
final class Worker {
  private let index: Int
  private let host: Host
  private let mailbox: Mailbox
  private let room: SharedRoom
  private var poller: Poller
  private var entrance: Entrance
  private var connections: ConnectionTable
  private let views = LogViews()
  private var timers = TimerHeap()
  /// Connections with something of their own to send, or to end.
  private var listed: [Connection] = []
  /// Connections whose next packet waits for the log file.
  private var held: [Connection] = []
  private var shownEnd: LogPosition = 0
  private var shownRecorded: UInt64 = 0
  private var buffer = [UInt8](repeating: 0, count: 64 << 10)
  /// Many stretches a write: packets of a connection's own lie between those of the log.
  private var stretches = GatherList(capacity: 64)
  /// A TLS record in the making.
  private var record: [UInt8] = []
  private let terms: Connection.Terms
  private var waitingHere = 0
  private var closesAt: UInt64?
  private var now = Moment(monotonic: 0, unixMilliseconds: 0)
  private var counts = WorkerCounts()
  private var shownMessages: Int64 = 0
  private var turnedAway = TurnedAway()

  private static let wakeupTag = UInt64.max
  init(index: Int, host: Host, listeners: [Listener]) {
    self.index = index
    self.host = host
    entrance = Entrance(listeners)
    connections = ConnectionTable(worker: index)
    mailbox = host.mailboxes[index]
    room = host.room
    terms = Connection.Terms(
      hello: host.hello, isSecure: host.configuration.room.keys != nil,
      tls: host.configuration.tls, admissionTime: host.configuration.admissionTime)
    do throws(SystemError) {
      poller = try Poller()
    } catch {
      Self.fail(error)
    }
  }

  /// Serves until the host closes.
  func run() {
    do throws(SystemError) {
      try poller.add(mailbox.wakeup.number, tag: Self.wakeupTag, .reading)
      host.workerIsReady()
      while try turn() {}
    } catch {
      Self.fail(error)
    }
  }

  private func turn() throws(SystemError) -> Bool {
    let count = try poller.wait(timeout: timeToWait())
    readClocks()
    var didRead = false
    var wasWoken = false
    for event in 0..<count {
      let event = poller[event]
      switch event.tag {
      case Self.wakeupTag: wasWoken = true
      case let tag:
        if let listener = entrance.listener(tagged: tag) {
          try acceptAll(at: listener)
        } else {
          didRead = serve(event) || didRead
        }
      }
    }
    if wasWoken {
      mailbox.wakeup.clear()
      didRead = try openLetters() || didRead
    }
    let timePassed = lookAtTimers()
    if didRead || timePassed || wasWoken { try settle(tellsOthers: didRead || timePassed) }
    noteTurnedAway()
    counts.turns.note(Clock.monotonic() - now.monotonic)
    mailbox.publish(counts)
    try entrance.openAfterPause(&poller, at: now.monotonic)
    return closesAt.map { now.monotonic < $0 && !connections.isEmpty } ?? true
  }

  private func readClocks() {
    now = Moment(
      monotonic: Clock.monotonic(), unixMilliseconds: Clock.unixMilliseconds())
  }

  private func timeToWait() -> UInt64? {
    var next = min(timers.deadline ?? .max, room.deadline)
    if let pause = entrance.pausedUntil { next = min(next, pause) }
    if let deadline = turnedAway.deadline { next = min(next, deadline) }
    if let closesAt { next = min(next, closesAt) }
    if next == .max { return nil }
    let now = Clock.monotonic()
    return next > now ? next - now : 0
  }

  private static func fail(_ error: SystemError) -> Never {
    // Without its poller a worker can serve nobody, and nothing can be saved by going on.
    do {
      try writeAll("netchat: a worker cannot go on: \(error)\n", to: STDERR_FILENO)
    } catch {
      // There is nobody to tell if standard error is gone too.
    }
    exit(1)
  }

  // MARK: Accepting

  /// Accepts what waits, some at a time, so that those who are here already get their turn.
  private func acceptAll(at listener: Int) throws(SystemError) {
    for _ in 0..<Entrance.batch where entrance.isOpen {
      let waiting = host.waiting.load(ordering: .relaxed)
      let isFull =
        host.connections.load(ordering: .relaxed) >= host.configuration.maxConnections
      switch try entrance.accept(
        at: listener, waiting: waiting, isFull: isFull, &poller, at: now.monotonic)
      {
      case .wouldBlock: return
      case .aborted: continue
      case .connection(let socket, let address):
        counts.accepted += 1
        var random = SystemRandomNumberGenerator()
        if PendingAdmissions.refuses(waiting: waiting, using: &random) {
          refuse(socket)
          continue
        }
        host.waiting.wrappingAdd(1, ordering: .relaxed)
        host.connections.wrappingAdd(1, ordering: .relaxed)
        let worker = host.chooseWorker()
        if worker == index {
          adopt(socket, address)
        } else {
          host.mailboxes[worker].put(.adopt(descriptor: socket.release(), address))
        }
      }
    }
  }

  private func refuse(_ socket: borrowing StreamSocket) {
    // A host with TLS says nothing before the handshake; a client that was here before comes again.
    if terms.tls == nil {
      let answer = PacketWriter.authResult(refused: "Too many attempts. Try again later.")
      // Best effort: it is being turned away either way.
      _ = try? socket.send(answer.span)
    }
    socket.finishSending()
    counts.turnedAway += 1
    turnedAway.add()
    noteTurnedAway()
  }

  private func noteTurnedAway() {
    guard let count = turnedAway.take(at: now.monotonic) else { return }
    if host.configuration.showsEvents {
      host.show(event: HostEvent.packet(turnedAway: count, at: now))
    }
    host.operatorLog?.note("turned away \(count): so many wait for admission already", at: now)
  }

  private func adopt(_ socket: consuming StreamSocket, _ address: Address) {
    let (text, origin) = Self.origin(of: socket, address)
    let number = socket.number
    let id = connections.freeID()
    let session = HostSession(
      id: id, from: text, origin, rate: host.configuration.rate,
      admissionTime: host.configuration.admissionTime, views: views, at: now)
    let connection = Connection(
      id: id, socket: socket, session: session, terms: terms, at: now)
    connections.insert(connection)
    counts.connections += 1
    waitingHere += 1
    do throws(SystemError) {
      try poller.add(number, tag: ConnectionTable.tag(id), .reading)
    } catch {
      // The kernel watches no more of them; those who are here must not suffer for it.
      return remove(connection, wasWaiting: true)
    }
    flush(connection)
    if connection.transport.hasUnread {
      // Not even `hello` could be sent.
      change(connection) { $0.read(using: &buffer, in: room, terms, at: now) }
    }
    schedule(connection)
  }

  /// Where a connection comes from, for people and for bans. Over a unix socket that is a user, written
  /// in the place of address and port.
  private static func origin(of socket: borrowing StreamSocket, _ address: Address)
    -> (String, Origin)
  {
    guard address.isUnix else { return (address.description, .address(address.bytes)) }
    // The kernel always knows; whoever it does not know shares a ban with nobody.
    let user = socket.peerUser ?? .max
    return ("unix:\(user)", .user(user))
  }

  // MARK: Serving

  /// Reads from a connection that is ready, or notes that it takes bytes again. Says whether it read.
  private func serve(_ event: Poller.Event) -> Bool {
    guard let connection = connections[tag: event.tag] else { return false }
    if connection.transport.maySend(after: event) {
      connection.transport.unblock()
      list(connection)
    }
    // A connection that is not to be read is told apart only by its error or end: without interest
    // in reading the poller still reports those, and they must not spin.
    guard connection.transport.mayRead(after: event) else {
      settleListed()
      return false
    }
    change(connection) { connection in
      connection.read(using: &buffer, in: room, terms, at: now)
    }
    return true
  }

  /// Does something with a connection's session and carries the consequences out.
  private func change(_ connection: Connection, _ action: (Connection) -> Connection.ReadResult) {
    let wasWaiting = connection.session.isWaiting
    let result = action(connection)
    if connection.session.hasNews { note(connection) }
    switch result {
    case .gone: remove(connection, wasWaiting: wasWaiting)
    case .deliveries(let deliveries):
      noteAdmission(connection, wasWaiting)
      for delivery in deliveries { deliver(delivery) }
      list(connection)
    }
  }

  /// Counts what has become of a connection, and tells the operator.
  private func note(_ connection: Connection) {
    let address = connection.session.address
    for news in connection.session.takeNews() {
      counts.note(news)
      host.operatorLog?.note(news, of: address, at: now)
      if host.configuration.showsEvents {
        host.show(event: HostEvent.packet(for: news, of: address, at: now))
      }
    }
  }

  private func noteAdmission(_ connection: Connection, _ wasWaiting: Bool) {
    if wasWaiting, !connection.session.isWaiting { noteNoLongerWaiting() }
  }

  private func noteNoLongerWaiting() {
    host.waiting.wrappingSubtract(1, ordering: .relaxed)
    waitingHere -= 1
  }

  private func deliver(_ delivery: Delivery) {
    guard delivery.connection.worker == index else {
      host.mailboxes[Int(delivery.connection.worker)].put(.deliver(delivery))
      return
    }
    guard let connection = connections[delivery.connection] else { return }
    switch delivery.content {
    case .packet(let bytes, let after):
      connection.session.outflow.post(bytes, after: after)
      cutIfFarBehind(connection)
    case .older(let bytes, let rest): connection.session.receiveOlder(bytes, rest: rest)
    case .olderIsMissing:
      connection.session.bid(.historyGone, in: room, at: now)
      note(connection)
    case .end(let farewell, let name):
      connection.session.bid(farewell, of: name, in: room, at: now)
      note(connection)
    }
    list(connection)
  }

  /// One that is much too far behind is not waited for until its time is up: what it has not read
  /// lies in memory.
  private func cutIfFarBehind(_ connection: Connection) {
    let maxLag = host.configuration.maxLag
    guard connection.isFarBehind(maxLag: maxLag) else { return }
    change(connection) { $0.timePassed(in: room, terms, maxLag: maxLag, at: now) }
  }

  /// Does what others ask. Says whether that brought something about, such as a leave, that the others
  /// hear of like what was read.
  private func openLetters() throws(SystemError) -> Bool {
    let end = room.publication.appendedEnd
    for letter in mailbox.takeAll() { try open(letter) }
    return room.publication.appendedEnd != end
  }

  private func open(_ letter: Mailbox.Letter) throws(SystemError) {
    switch letter {
    case .listen: if closesAt == nil { try entrance.open(&poller, at: now.monotonic) }
    case .adopt(let descriptor, let address):
      adopt(StreamSocket(owning: descriptor), address)
    case .deliver(let delivery): deliver(delivery)
    case .answer(let survey):
      survey.answer(
        connections.all.map { connection in
          (
            connection.id,
            Survey.Facts(
              lag: connection.session.outflow.lag, tlsVersion: connection.transport.tlsVersion)
          )
        })
    case .close:
      try entrance.close(&poller)
      closesAt = now.monotonic + Limits.farewellTime
      for slot in connections.indices {
        guard let connection = connections[slot: slot] else { continue }
        change(connection) { connection in
          if let notice = host.logFailure.withLock({ $0?.notice }) {
            connection.session.stop(saying: notice, at: now)
          } else {
            connection.session.bid(.shutdown, in: room, at: now)
          }
          // Nothing can be said to one whose transport does not stand yet.
          return connection.transport.stands ? .deliveries([]) : .gone
        }
      }
    }
  }

  private func lookAtTimers() -> Bool {
    var found = false
    if room.deadline <= now.monotonic {
      let now = now
      room.withLock { $0.advance(to: now) }
      found = true
    }
    while let entry = timers.takeDue(at: now.monotonic) {
      guard let connection = connections[entry.connection],
        connection.armed == entry.deadline
      else { continue }
      connection.armed = .max
      found = true
      change(connection) { connection in
        connection.timePassed(
          in: room, terms, maxLag: host.configuration.maxLag, at: now)
      }
      schedule(connection)
    }
    return found
  }

  /// Sends what moved: to everybody where the log did, else to those with something of their own.
  private func settle(tellsOthers: Bool) throws(SystemError) {
    host.record()
    let end = room.publication.end
    let canReadMore = views.refresh()
    // In this order, see ``LogView``.
    let didMore = try openLetters()
    if tellsOthers || didMore { host.wakeAll(except: index) }
    listRecorded()
    if end != shownEnd || canReadMore {
      shownEnd = end
      let messages = room.messageCount
      let members = counts.connections - waitingHere
      counts.deliveries += UInt64(messages - shownMessages) * UInt64(members)
      shownMessages = messages
      for slot in connections.indices {
        guard let connection = connections[slot: slot] else { continue }
        guard !connection.transport.isBlocked else {
          cutIfFarBehind(connection)
          continue
        }
        flush(connection)
        // The poller and the timers must be told.
        if connection.transport.isBlocked || connection.transport.hasUnread
          || connection.session.end != nil
        {
          list(connection)
        }
      }
    }
    settleListed()
  }

  private func settleListed() {
    while !listed.isEmpty {
      let batch = listed
      listed.removeAll(keepingCapacity: true)
      for connection in batch {
        connection.isListed = false
        guard connections.holds(connection) else { continue }
        flush(connection)
        if connection.session.canResume(at: now.monotonic) {
          change(connection) { .deliveries($0.session.resume(in: room, at: now)) }
        } else if connection.transport.hasUnread, connection.session.wantsBytes {
          change(connection) { $0.read(using: &buffer, in: room, terms, at: now) }
        }
        watch(connection)
        schedule(connection)
      }
    }
    host.record()
    if room.publication.end != shownEnd || recorded != shownRecorded || views.hasNew {
      // A session that went on appended: the next turn's work, but nothing may wait for an event.
      mailbox.wakeup.signal()
      host.wakeAll(except: index)
    }
  }

  /// How far the log file has come.
  private var recorded: UInt64 { room.recording?.recorded ?? 0 }

  /// Lists the connections whose next packet waited for the log file, if that has come further.
  private func listRecorded() {
    let recorded = recorded
    guard recorded != shownRecorded else { return }
    shownRecorded = recorded
    let waited = held
    held.removeAll(keepingCapacity: true)
    for connection in waited {
      connection.isHeld = false
      list(connection)
    }
  }

  private func list(_ connection: Connection) {
    guard !connection.isListed else { return }
    connection.isListed = true
    listed.append(connection)
  }

  private func flush(_ connection: Connection) {
    // Before: one that fails waits for nothing any more.
    let wasWaiting = connection.session.isWaiting
    let result = connection.flush(&stretches, &record, in: room, at: now)
    countTraffic(connection)
    if case .gone = result { return remove(connection, wasWaiting: wasWaiting) }
    if let log = host.history, let wanted = connection.session.takeWantedOlder() {
      log.ask(LogHistory.Request(connection: connection.id, packets: wanted))
    }
    if host.log != nil, !connection.isHeld, connection.session.isHeld {
      connection.isHeld = true
      held.append(connection)
    } else if host.log != nil, !connection.transport.isBlocked, connection.session.hasOutput {
      // It has been recorded just now: whoever told of that found it not held yet.
      list(connection)
    }
  }

  private func countTraffic(_ connection: Connection) {
    let traffic = connection.transport.takeTraffic()
    counts.bytesReceived += UInt64(traffic.received)
    counts.bytesSent += UInt64(traffic.sent)
  }

  /// Tells the poller what to watch this connection for now; one that it cannot watch is over.
  private func watch(_ connection: Connection) {
    guard connections.holds(connection) else { return }
    let interest = connection.wantedInterest
    guard interest != connection.interest else { return }
    let number = connection.transport.socket.number
    do throws(SystemError) {
      try watch(number, connection, interest)
      connection.interest = interest
    } catch {
      change(connection) { connection in
        connection.session.disconnect(in: room, at: now)
        return .gone
      }
    }
  }

  private func watch(_ number: Int32, _ connection: Connection, _ interest: Poller.Interest)
    throws(SystemError)
  {
    // One that is to wait is taken out: the poller would report its reset all the same, and what it
    // sent before that is to be read in its turn.
    if interest.isEmpty {
      try poller.remove(number)
    } else if connection.interest.isEmpty {
      try poller.add(number, tag: ConnectionTable.tag(connection.id), interest)
    } else {
      try poller.change(number, tag: ConnectionTable.tag(connection.id), interest)
    }
  }

  private func schedule(_ connection: Connection) {
    guard let deadline = connection.deadline(at: now.monotonic), deadline < connection.armed else {
      return
    }
    connection.armed = deadline
    timers.insert(TimerHeap.Entry(deadline: deadline, connection: connection.id))
  }

  private func remove(_ connection: Connection, wasWaiting: Bool) {
    guard connections.holds(connection) else { return }
    if wasWaiting { noteNoLongerWaiting() }
    countTraffic(connection)
    if connection.session.hasNews { note(connection) }
    connections.remove(connection)
    if connection.isHeld { held.removeAll { $0 === connection } }
    counts.connections -= 1
    host.connections.wrappingSubtract(1, ordering: .relaxed)
    // Closing the socket, with the last reference, takes it out of the poller.
  }
}
