import ChatCore
import Sockets

/// One client's socket with its conversation, owned by one worker.
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
  /// Whether it stands in the worker's list of those to flush.
  var isListed = false
  private var peerEnded = false

  init(
    id: ConnectionID, socket: consuming StreamSocket, session: consuming HostSession, now: UInt64
  ) {
    self.id = id
    self.socket = socket
    self.session = session
    lastProgress = now
  }

  enum ReadResult {
    case deliveries([Delivery])
    /// The connection is over.
    case gone
  }

  /// Reads what is there, once: a socket that has more is found again in the next turn, after the
  /// others had theirs.
  func read(using buffer: inout [UInt8], in room: SharedRoom, at now: Moment) -> ReadResult {
    let received: Received
    do throws(SystemError) {
      var span = buffer.mutableSpan
      received = try socket.receive(into: &span)
    } catch {
      session.disconnect(in: room, at: now)
      return .gone
    }
    switch received {
    case .wouldBlock: return .deliveries([])
    case .bytes(let count):
      if lingersUntil != nil { return .deliveries([]) }
      return .deliveries(
        session.receive(buffer.span.extracting(first: count), in: room, at: now))
    case .endOfStream:
      peerEnded = true
      if lingersUntil != nil { return .gone }
      return .deliveries(session.receiveEnd(in: room, at: now))
    }
  }

  enum FlushResult {
    /// Nothing waits, or the kernel takes no more for now.
    case open
    /// The connection is over.
    case gone
  }

  /// Sends what waits, as far as the kernel takes it.
  func flush(_ list: inout GatherList, in room: SharedRoom, at now: Moment) -> FlushResult {
    do throws(SystemError) {
      while !isBlocked, !session.outflow.isEmpty {
        list.removeAll()
        // The stretches stay where they are until `outflow` is changed, after the call.
        unsafe session.outflow.forEachStretch { unsafe list.append($0) }
        lastProgress = now.monotonic
        guard case .bytes(let count) = try socket.send(list) else {
          isBlocked = true
          break
        }
        session.outflow.advance(by: count)
        isBlocked = count < list.byteCount
      }
    } catch {
      session.disconnect(in: room, at: now)
      return .gone
    }
    switch session.end {
    case nil: return .open
    case .now: return .gone
    case .afterSending:
      guard session.outflow.isEmpty, lingersUntil == nil else { return .open }
      if peerEnded { return .gone }
      socket.finishSending()
      lingersUntil = now.monotonic + Limits.farewellTime
      return .open
    }
  }

  func unblock() { isBlocked = false }

  /// The next moment to look at this connection; nil for none.
  func deadline(at now: UInt64) -> UInt64? {
    var next = session.deadline ?? .max
    if let lingersUntil { next = min(next, lingersUntil) }
    if isBlocked {
      let patience = session.end == nil ? Limits.lagTime : Limits.farewellTime
      next = min(next, max(lastProgress + patience, now + 1_000_000_000))
    }
    return next == .max ? nil : next
  }

  /// Whether it is too far behind to be waited for any longer.
  func isTooSlow(maxLag: Int, at now: UInt64) -> Bool {
    guard isBlocked else { return false }
    let lag = session.outflow.lag
    if lag > Limits.lagCeilingFactor * maxLag { return true }
    return lag > maxLag && now >= lastProgress + Limits.lagTime
  }

  /// Whether its farewell has been waited for long enough.
  func isOverdue(at now: UInt64) -> Bool {
    if let lingersUntil { return now >= lingersUntil }
    return session.end == .afterSending && isBlocked && now >= lastProgress + Limits.farewellTime
  }
}
