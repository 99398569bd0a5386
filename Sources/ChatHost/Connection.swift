import ChatCore
import OpenSSL
import Sockets

/// One client's transport with its conversation, owned by one worker.
final class Connection {
  let id: ConnectionID
  // In this order, see there.
  var transport: Transport
  var session: HostSession
  /// What the poller watches for.
  var interest: Poller.Interest = .reading
  /// The earliest entry in the worker's timers.
  var armed = UInt64.max
  /// Until when what the client still sends is thrown away, so that it can read its farewell.
  private var lingersUntil: UInt64?
  private var thrownAway = 0
  /// When the farewell began; nil before.
  private var closedAt: UInt64?
  /// Whether it stands in the worker's list of those to flush.
  var isListed = false
  /// Whether it stands in the worker's list of those that wait for the log file.
  var isHeld = false
  private var peerEnded = false

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
    self.session = session
    transport = Transport(
      socket: socket, isClear: terms.tls == nil, admissionTime: terms.admissionTime,
      at: now.monotonic)
    if transport.stands { self.session.begin(with: terms.hello, at: now) }
  }

  // MARK: Reading

  enum ReadResult {
    case deliveries([Delivery])
    /// The connection is over.
    case gone
  }

  /// Goes on with what waits for bytes to come: the transport, then the conversation.
  func read(
    using buffer: inout [UInt8], in room: SharedRoom, _ terms: Terms, at now: Moment
  ) -> ReadResult {
    do throws(Transport.Failure) {
      switch try transport.begin(with: terms.tls) {
      case .stands: break
      case .secured:
        // Only a password is bound to the connection's name.
        let exporter = terms.isSecure ? try transport.exporter() : []
        session.begin(with: terms.hello, exporter: exporter, isSecure: terms.isSecure, at: now)
        // Most wait for `hello`.
        guard transport.holdsInput else { return .deliveries([]) }
      case .waiting: return .deliveries([])
      case .isNoHandshake:
        turnAway(terms)
        return .deliveries([])
      }
      return try receive(&buffer, room, now)
    } catch {
      session.disconnect(in: room, at: now)
      return .gone
    }
  }

  /// Says in clear that this room takes only TLS (PROTOCOL.md, section 2).
  private func turnAway(_ terms: Terms) {
    transport.giveUpTLS()
    session.turnAway(with: PacketWriter.requiresTLS(isSecure: terms.isSecure))
  }

  /// Takes all that is there, but no more than its share of a turn.
  private func receive(_ buffer: inout [UInt8], _ room: SharedRoom, _ now: Moment)
    throws(Transport.Failure) -> ReadResult
  {
    var deliveries: [Delivery] = []
    for _ in 0..<Self.fillsATurn {
      // In clear text it is read whatever it is to wait for: the poller may have told of its end.
      guard wantsBytes || !transport.isEncrypted else { break }
      let (count, reception) = try transport.receive(into: &buffer)
      if lingersUntil != nil {
        thrownAway += count
        if thrownAway > Limits.farewellBytes { return .gone }
      } else if count > 0 {
        let new = session.receive(buffer.span.extracting(first: count), in: room, at: now)
        if !new.isEmpty { deliveries += new }
      }
      switch reception {
      case .more: continue
      case .share, .wouldBlock: return .deliveries(deliveries)
      case .endOfStream:
        peerEnded = true
        if lingersUntil != nil { return .gone }
        return .deliveries(deliveries + session.receiveEnd(in: room, at: now))
      }
    }
    transport.stopReading()
    return .deliveries(deliveries)
  }

  private static let fillsATurn = 8

  /// Whether bytes that come are read, be it to throw them away.
  private var wantsBytes: Bool { session.wantsBytes || lingersUntil != nil }

  // MARK: Sending

  enum FlushResult {
    /// Nothing waits, or the kernel takes no more for now.
    case open
    /// The connection is over.
    case gone
  }

  /// Sends what waits, as far as the kernel takes it.
  func flush(
    _ list: inout GatherList, _ record: inout [UInt8], in room: SharedRoom, at now: Moment
  ) -> FlushResult {
    do throws(Transport.Failure) {
      try transport.send(&session, &list, &record, in: room, at: now.monotonic)
    } catch {
      session.disconnect(in: room, at: now)
      return .gone
    }
    switch session.end {
    case nil: return .open
    case .now: return .gone
    case .afterSending:
      closedAt = closedAt ?? now.monotonic
      guard session.isFlushed, transport.isFlushed, lingersUntil == nil else { return .open }
      transport.finishSending(peerEnded: peerEnded)
      if peerEnded { return .gone }
      lingersUntil = now.monotonic + Limits.farewellTime
      return .open
    }
  }

  // MARK: What to wait for

  /// What the poller should watch this connection for now.
  var wantedInterest: Poller.Interest { transport.wantedInterest(reads: wantsBytes) }

  /// The next moment to look at this connection; nil for none.
  func deadline(at now: UInt64) -> UInt64? {
    var next = min(session.deadline ?? .max, transport.deadline ?? .max)
    if let lingersUntil { next = min(next, lingersUntil) }
    if transport.isBlocked {
      let end = session.end == nil ? transport.lastProgress + Limits.lagTime : farewellEnd
      next = min(next, max(end, now + 1_000_000_000))
    }
    return next == .max ? nil : next
  }

  /// Does what the passing of time asks for.
  func timePassed(in room: SharedRoom, _ terms: Terms, maxLag: Int, at now: Moment) -> ReadResult {
    if transport.isOverdue(at: now.monotonic) {
      session.giveUp(saying: "Its TLS handshake took too long.", in: room, at: now)
      return .gone
    }
    if isOverdue(at: now.monotonic) {
      session.disconnect(in: room, at: now)
      return .gone
    }
    if transport.isSilent(at: now.monotonic) { turnAway(terms) }
    if isTooSlow(maxLag: maxLag, at: now.monotonic) {
      session.bid(.tooSlow, in: room, at: now)
      // What the kernel does not take now it will not take: the reader does not read.
      transport.unblock()
      return .deliveries([])
    }
    return .deliveries(session.timePassed(in: room, at: now))
  }

  /// Whether it is too far behind to be waited for any longer.
  private func isTooSlow(maxLag: Int, at now: UInt64) -> Bool {
    guard transport.isBlocked, session.end == nil else { return false }
    if isFarBehind(maxLag: maxLag) { return true }
    return session.outflow.lag > maxLag && now >= transport.lastProgress + Limits.lagTime
  }

  /// Whether so much waits for it that it is cut whatever it takes.
  func isFarBehind(maxLag: Int) -> Bool {
    transport.isBlocked && session.end == nil
      && session.outflow.lag > Limits.lagCeilingFactor * maxLag
  }

  /// Whether its farewell has been waited for long enough.
  private func isOverdue(at now: UInt64) -> Bool {
    if let lingersUntil { return now >= lingersUntil }
    return session.end == .afterSending && transport.isBlocked && now >= farewellEnd
  }

  /// Until when it is waited for that it takes what is left, counted from the last byte that it took.
  private var farewellEnd: UInt64 {
    max(transport.lastProgress, closedAt ?? 0) + Limits.farewellTime
  }
}
