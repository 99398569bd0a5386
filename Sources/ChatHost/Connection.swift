import ChatCore
import Glibc
import OpenSSL
import Sockets

/// One client's socket with its conversation, owned by one worker.
///
/// In a room over TLS it first waits for the client's first byte, then makes the handshake; the
/// conversation begins when the transport stands.
final class Connection {
  let id: ConnectionID
  let socket: StreamSocket
  var session: HostSession
  /// What the poller watches for.
  var interest: Poller.Interest = .reading
  /// The kernel took less than there was.
  private(set) var isBlocked = false
  /// When a byte was last taken, or when there was first one to take.
  private(set) var lastProgress: UInt64
  /// The earliest entry in the worker's timers.
  var armed = UInt64.max
  /// Until when what the client still sends is thrown away, so that it can read its farewell.
  var lingersUntil: UInt64?
  private var thrownAway = 0
  /// Whether it stands in the worker's list of those to flush.
  var isListed = false
  /// Whether it stands in the worker's list of those that wait for the log file.
  var isHeld = false
  private var peerEnded = false
  /// When the first byte, and when the handshake must have come.
  private let firstByteEnd: UInt64
  private let handshakeEnd: UInt64
  private var phase: Phase
  private var tls: TLSConnection?
  /// What TLS has taken and could not send yet: it must be offered again as it was.
  private var offered: [UInt8] = []
  /// Reading, or the handshake, waits until the socket takes bytes.
  private(set) var readingWantsWrite = false
  /// Sending waits until bytes come.
  private var sendingWantsRead = false
  /// Nothing reaches the peer any more.
  private var isUnreachable = false
  /// There is more to read that the poller does not know of.
  private(set) var hasUnread = false

  /// Bytes that came in and went out since ``takeTraffic()``, of the conversation, not of TLS.
  private var traffic = (received: 0, sent: 0)

  func takeTraffic() -> (received: Int, sent: Int) {
    defer { traffic = (0, 0) }
    return traffic
  }

  private enum Phase { case clear, firstByte, handshake, encrypted }

  /// What a connection needs of its host.
  struct Terms {
    let hello: [UInt8]
    let isSecure: Bool
    let tls: TLSContext?
    /// How long admission may take, in nanoseconds.
    let admissionTime: UInt64
  }

  init(
    id: ConnectionID, socket: consuming StreamSocket, session: consuming HostSession,
    terms: Terms, at now: Moment
  ) {
    self.id = id
    self.socket = socket
    self.session = session
    lastProgress = now.monotonic
    firstByteEnd = now.monotonic + min(Limits.firstByteTime, terms.admissionTime)
    handshakeEnd = now.monotonic + terms.admissionTime
    phase = terms.tls == nil ? .clear : .firstByte
    if terms.tls == nil { self.session.begin(with: terms.hello, at: now) }
  }

  enum ReadResult {
    case deliveries([Delivery])
    /// The connection is over.
    case gone
  }

  /// Goes on with what waits for bytes to come: the first byte, the handshake, the conversation.
  func read(
    using buffer: inout [UInt8], in room: SharedRoom, _ terms: Terms, at now: Moment
  ) -> ReadResult {
    do throws(Failure) {
      switch phase {
      case .clear: return try readClear(&buffer, room, now)
      case .encrypted: return try readEncrypted(&buffer, room, now)
      case .firstByte:
        guard try isHandshake(room, terms, now) else { return .deliveries([]) }
        fallthrough
      case .handshake:
        guard try shakeHands(terms, now) else { return .deliveries([]) }
        return try readEncrypted(&buffer, room, now)
      }
    } catch {
      session.disconnect(in: room, at: now)
      return .gone
    }
  }

  /// The connection broke, in whichever layer.
  private struct Failure: Error {}

  // MARK: Clear text

  /// Reads what is there, once: a socket that has more is found again in the next turn, after the
  /// others had theirs.
  private func readClear(_ buffer: inout [UInt8], _ room: SharedRoom, _ now: Moment)
    throws(Failure) -> ReadResult
  {
    hasUnread = false
    let received: Received
    do throws(SystemError) {
      var span = buffer.mutableSpan
      received = try socket.receive(into: &span)
    } catch {
      throw Failure()
    }
    switch received {
    case .wouldBlock:
      // A peer that went has an end, behind what it said. Without one nobody would ever look again.
      if isUnreachable { throw Failure() }
      return .deliveries([])
    case .bytes(let count):
      traffic.received += count
      if lingersUntil != nil { return throwAway(count) }
      return .deliveries(
        session.receive(buffer.span.extracting(first: count), in: room, at: now))
    case .endOfStream: return endOfStream(room, now)
    }
  }

  /// Passes over what still comes from one that has been told goodbye.
  private func throwAway(_ count: Int) -> ReadResult {
    thrownAway += count
    return thrownAway > Limits.farewellBytes ? .gone : .deliveries([])
  }

  private func endOfStream(_ room: SharedRoom, _ now: Moment) -> ReadResult {
    peerEnded = true
    if lingersUntil != nil { return .gone }
    return .deliveries(session.receiveEnd(in: room, at: now))
  }

  // MARK: TLS

  /// Whether the client begins a TLS handshake; one that says something else is told.
  private func isHandshake(_ room: SharedRoom, _ terms: Terms, _ now: Moment) throws(Failure)
    -> Bool
  {
    let first: UInt8??
    do throws(SystemError) { first = try socket.peekByte() } catch { throw Failure() }
    switch first {
    case .none: return false
    case .some(nil): throw Failure()
    case .some(0x16?):
      guard let context = terms.tls else { throw Failure() }
      do throws(OpenSSLError) {
        tls = try TLSConnection(accepting: context, descriptor: socket.number)
      } catch {
        throw Failure()
      }
      phase = .handshake
      return true
    case .some:
      turnAway(terms)
      return false
    }
  }

  /// Says in clear that this room takes only TLS (PROTOCOL.md, section 2).
  private func turnAway(_ terms: Terms) {
    phase = .clear
    session.turnAway(with: PacketWriter.requiresTLS(isSecure: terms.isSecure))
  }

  /// Goes on with the handshake; true once it is done and the conversation has begun.
  private func shakeHands(_ terms: Terms, _ now: Moment) throws(Failure) -> Bool {
    do throws(OpenSSLError) {
      switch try tls?.handshake() {
      case .done:
        readingWantsWrite = false
        phase = .encrypted
        // Only TLS 1.3 has such a name for a connection, and only a password is bound to it.
        let exporter = terms.isSecure ? try tls?.exporter() ?? [] : []
        session.begin(
          with: terms.hello, exporter: exporter, isSecure: terms.isSecure, at: now)
        return true
      case .wantRead, nil: readingWantsWrite = false
      case .wantWrite: readingWantsWrite = true
      }
      return false
    } catch {
      throw Failure()
    }
  }

  /// Reads all records that are there, so that what came together goes out together; no more than
  /// its share of a turn.
  private func readEncrypted(_ buffer: inout [UInt8], _ room: SharedRoom, _ now: Moment)
    throws(Failure) -> ReadResult
  {
    var deliveries: [Delivery] = []
    hasUnread = false
    readingWantsWrite = false
    for _ in 0..<Self.fillsATurn {
      guard session.wantsBytes || lingersUntil != nil else {
        hasUnread = tls?.hasPending ?? false
        return .deliveries(deliveries)
      }
      let (count, end) = try fill(&buffer)
      traffic.received += count
      if lingersUntil != nil {
        if case .gone = throwAway(count) { return .gone }
      } else if count > 0 {
        deliveries += session.receive(buffer.span.extracting(first: count), in: room, at: now)
      }
      switch end {
      case .full: continue
      case .wouldBlock: return .deliveries(deliveries)
      case .endOfStream:
        guard case .deliveries(let last) = endOfStream(room, now) else { return .gone }
        return .deliveries(deliveries + last)
      }
    }
    hasUnread = true
    return .deliveries(deliveries)
  }

  private static let fillsATurn = 8

  private enum FillEnd { case full, wouldBlock, endOfStream }

  /// Fills the buffer with as many whole records as it takes.
  private func fill(_ buffer: inout [UInt8]) throws(Failure) -> (Int, FillEnd) {
    var count = 0
    while buffer.count - count >= TLSConnection.largestRecord {
      do throws(OpenSSLError) {
        var bytes = buffer.mutableSpan
        var rest = bytes._mutatingExtracting(count..<bytes.count)
        // Any bytes make `UInt8`s.
        var raw = unsafe rest.mutableBytes
        switch try tls?.read(into: &raw) {
        case .bytes(let more): count += more
        case .wouldBlock(let wantsWrite):
          readingWantsWrite = wantsWrite
          return (count, .wouldBlock)
        case .endOfStream, nil: return (count, .endOfStream)
        }
      } catch {
        throw Failure()
      }
    }
    return (count, .full)
  }

  private func sendEncrypted(using record: inout [UInt8], at now: Moment) throws(Failure) {
    while !isBlocked, !offered.isEmpty {
      let count = try writeOffered()
      if count > 0 { lastProgress = now.monotonic }
      offered.removeFirst(count)
    }
    while !isBlocked, session.hasOutput {
      // Good until `outflow` is changed, after the call.
      let next = unsafe nextRecord(&record)
      let count = unsafe try write(next)
      lastProgress = now.monotonic
      // What TLS could not send it has taken all the same: nothing may change its place now.
      if count == 0 { unsafe offered = Array(next) }
      let taken = count > 0 ? count : next.count
      traffic.sent += taken
      session.sent(taken)
    }
  }

  /// The bytes for one record: where they lie, if they lie together, else brought together, for a
  /// write costs far more than a copy.
  private func nextRecord(_ record: inout [UInt8]) -> UnsafeRawBufferPointer {
    let largest = TLSConnection.largestRecord
    var first = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    var stretches = 0
    unsafe session.forEachStretch { stretch in
      if stretches == 0 { unsafe first = UnsafeRawBufferPointer(rebasing: stretch.prefix(largest)) }
      stretches += 1
      return stretches == 1 && stretch.count < largest
    }
    if stretches == 1 { return unsafe first }
    record.removeAll(keepingCapacity: true)
    record.reserveCapacity(largest)
    unsafe session.forEachStretch { stretch in
      unsafe record.append(contentsOf: stretch.prefix(largest - record.count))
      return record.count < largest
    }
    // The worker's own buffer: it is neither moved nor changed before the write.
    return unsafe record.withUnsafeBytes { unsafe $0 }
  }

  private func writeOffered() throws(Failure) -> Int {
    let bytes = offered
    let span = bytes.span
    return try unsafe span.withUnsafeBytes { bytes throws(Failure) in unsafe try write(bytes) }
  }

  /// Writes a record; 0 if it must be offered again.
  private func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> Int {
    do throws(OpenSSLError) {
      switch unsafe try tls?.write(bytes) {
      case .bytes(let count):
        sendingWantsRead = false
        return count
      case .wouldBlock(let wantsRead):
        isBlocked = true
        sendingWantsRead = wantsRead
        return 0
      case nil: throw OpenSSLError.connection(reason: "closed")
      }
    } catch {
      throw Failure()
    }
  }

  // MARK: Sending

  enum FlushResult {
    /// Nothing waits, or the kernel takes no more for now.
    case open
    /// The connection is over.
    case gone
  }

  /// Whether the transport stands.
  var isTalking: Bool { phase == .clear || phase == .encrypted }

  /// The version of TLS it speaks; nil for clear text, and while there is no conversation.
  var tlsVersion: String? { phase == .encrypted ? tls?.version : nil }

  /// Whether nothing waits to be sent.
  var isFlushed: Bool { session.isFlushed && offered.isEmpty }

  /// Sends what waits, as far as the kernel takes it.
  func flush(
    _ list: inout GatherList, _ record: inout [UInt8], in room: SharedRoom, at now: Moment
  ) -> FlushResult {
    do throws(Failure) {
      switch phase {
      case .clear: try sendClear(&list, now)
      case .encrypted: try sendEncrypted(using: &record, at: now)
      case .firstByte, .handshake: break
      }
    } catch {
      session.disconnect(in: room, at: now)
      return .gone
    }
    switch session.end {
    case nil: return .open
    case .now: return .gone
    case .afterSending:
      guard isFlushed, lingersUntil == nil else { return .open }
      tls?.shutdown()
      if peerEnded { return .gone }
      socket.finishSending()
      lingersUntil = now.monotonic + Limits.farewellTime
      return .open
    }
  }

  private func sendClear(_ list: inout GatherList, _ now: Moment) throws(Failure) {
    do throws(SystemError) {
      while !isBlocked, session.hasOutput {
        list.removeAll()
        // The stretches stay where they are until `outflow` is changed, after the call.
        unsafe session.forEachStretch { unsafe list.append($0) }
        lastProgress = now.monotonic
        guard case .bytes(let count) = try socket.send(list) else {
          isBlocked = true
          return
        }
        traffic.sent += count
        session.sent(count)
        isBlocked = count < list.byteCount
      }
    } catch {
      guard session.end == nil, error.code == EPIPE || error.code == ECONNRESET else {
        throw Failure()
      }
      // Nothing reaches the peer any more, but what it said before it went is still to be read; the
      // end of that ends the session.
      session.outflow.abandon()
      isUnreachable = true
      hasUnread = true
    }
  }

  func unblock() { isBlocked = false }

  // MARK: What to wait for

  /// What the poller should watch this connection for now.
  var wantedInterest: Poller.Interest {
    var interest = Poller.Interest()
    switch phase {
    case .firstByte: interest = .reading
    case .handshake: interest = readingWantsWrite ? .writing : .reading
    case .clear, .encrypted:
      let reads = session.wantsBytes || lingersUntil != nil
      if reads && !readingWantsWrite || isBlocked && sendingWantsRead { interest = .reading }
      if isBlocked && !sendingWantsRead || reads && readingWantsWrite {
        interest.insert(.writing)
      }
    }
    return interest
  }

  /// Whether an event means that sending may go on.
  func maySend(after event: Poller.Event) -> Bool {
    isBlocked && (sendingWantsRead ? event.isReadable : event.isWritable)
  }

  /// Whether an event means that reading may go on.
  func mayRead(after event: Poller.Event) -> Bool {
    event.isReadable || (readingWantsWrite && event.isWritable)
  }

  /// The next moment to look at this connection; nil for none.
  func deadline(at now: UInt64) -> UInt64? {
    var next = session.deadline ?? .max
    switch phase {
    case .firstByte: next = min(next, firstByteEnd)
    case .handshake: next = min(next, handshakeEnd)
    case .clear, .encrypted: break
    }
    if let lingersUntil { next = min(next, lingersUntil) }
    if isBlocked {
      let patience = session.end == nil ? Limits.lagTime : Limits.farewellTime
      next = min(next, max(lastProgress + patience, now + 1_000_000_000))
    }
    return next == .max ? nil : next
  }

  /// Does what the passing of time asks for.
  func timePassed(in room: SharedRoom, _ terms: Terms, maxLag: Int, at now: Moment) -> ReadResult {
    if isOverdue(at: now.monotonic) {
      session.disconnect(in: room, at: now)
      return .gone
    }
    if phase == .firstByte, now.monotonic >= firstByteEnd { turnAway(terms) }
    if isTooSlow(maxLag: maxLag, at: now.monotonic) {
      session.bid(.tooSlow, in: room, at: now)
      // What the kernel does not take now it will not take: the reader does not read.
      isBlocked = false
      return .deliveries([])
    }
    return .deliveries(session.timePassed(in: room, at: now))
  }

  /// Whether it is too far behind to be waited for any longer.
  private func isTooSlow(maxLag: Int, at now: UInt64) -> Bool {
    guard isBlocked, session.end == nil else { return false }
    if isFarBehind(maxLag: maxLag) { return true }
    return session.outflow.lag > maxLag && now >= lastProgress + Limits.lagTime
  }

  /// Whether so much waits for it that it is cut whatever it takes.
  func isFarBehind(maxLag: Int) -> Bool {
    isBlocked && session.end == nil && session.outflow.lag > Limits.lagCeilingFactor * maxLag
  }

  /// Whether its handshake or its farewell has been waited for long enough.
  private func isOverdue(at now: UInt64) -> Bool {
    if phase == .handshake { return now >= handshakeEnd }
    if let lingersUntil { return now >= lingersUntil }
    return session.end == .afterSending && isBlocked && now >= lastProgress + Limits.farewellTime
  }
}
