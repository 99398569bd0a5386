import ChatCore
import Glibc
import OpenSSL
import Sockets

/// How the bytes of one connection travel: in clear text, or over TLS.
///
/// In a room over TLS it first waits for the client's first byte, then makes the handshake; then it
/// stands, and the conversation begins.
struct Transport: ~Copyable {
  private var tls: TLSConnection?
  /// When the first byte, and when the handshake must have come.
  private let firstByteEnd: UInt64
  private let handshakeEnd: UInt64
  /// What TLS has taken and could not send yet: it must be offered again as it was.
  private var offered: [UInt8] = []

  // What each write in clear text looks at stands together, at the end: a session begins with its part
  // of that, and with many connections each line of the processor's cache counts.
  let socket: StreamSocket
  private var phase: Phase
  /// The kernel took less than there was.
  private(set) var isBlocked = false
  /// Reading, or the handshake, waits until the socket takes bytes.
  private var readingWantsWrite = false
  /// Sending waits until bytes come.
  private var sendingWantsRead = false
  /// Nothing reaches the peer any more.
  private var isUnreachable = false
  /// There is more to read that the poller does not know of.
  private(set) var hasUnread = false
  /// When a byte was last taken, or when there was first one to take.
  private(set) var lastProgress: UInt64
  /// Bytes that came in and went out since ``takeTraffic()``, of the conversation, not of TLS.
  private var traffic = (received: 0, sent: 0)

  private enum Phase { case clear, firstByte, handshake, encrypted }

  /// The connection broke, in whichever layer.
  struct Failure: Error {}

  init(
    socket: consuming StreamSocket, isClear: Bool, admissionTime: UInt64, at now: UInt64
  ) {
    self.socket = socket
    phase = isClear ? .clear : .firstByte
    firstByteEnd = now + min(Limits.firstByteTime, admissionTime)
    handshakeEnd = now + admissionTime
    lastProgress = now
  }

  /// Whether there can be a conversation.
  var stands: Bool { phase == .clear || isEncrypted }

  /// Whether a conversation goes on over TLS.
  var isEncrypted: Bool { phase == .encrypted }

  /// The version of TLS it speaks; nil for clear text, and while there is no conversation.
  var tlsVersion: String? {
    guard isEncrypted else { return nil }
    switch tls {
    case .some(let tls): return tls.version
    case nil: return nil
    }
  }

  /// Whether nothing waits to be sent that has left the session.
  var isFlushed: Bool { offered.isEmpty }

  mutating func takeTraffic() -> (received: Int, sent: Int) {
    defer { traffic = (0, 0) }
    return traffic
  }

  // MARK: Beginning

  enum Progress {
    /// It stood before.
    case stands
    /// It stands from now on, over TLS.
    case secured
    /// Bytes must come, or go, first.
    case waiting
    /// The client's first byte is no handshake's: it gets one word in clear text, see ``giveUpTLS()``.
    case isNoHandshake
  }

  /// Goes on until it stands.
  mutating func begin(with context: TLSContext?) throws(Failure) -> Progress {
    switch phase {
    case .clear, .encrypted: return .stands
    case .handshake: return try shakeHands()
    case .firstByte:
      let first: UInt8??
      do throws(SystemError) { first = try socket.peekByte() } catch { throw Failure() }
      switch first {
      case .none: return .waiting
      case .some(nil): throw Failure()
      case .some(0x16?):
        guard let context else { throw Failure() }
        do throws(OpenSSLError) {
          tls = try TLSConnection(accepting: context, descriptor: socket.number)
        } catch {
          throw Failure()
        }
        phase = .handshake
        return try shakeHands()
      case .some: return .isNoHandshake
      }
    }
  }

  /// Goes on in clear text, to say that this room takes only TLS (PROTOCOL.md, section 2).
  mutating func giveUpTLS() { phase = .clear }

  private mutating func shakeHands() throws(Failure) -> Progress {
    do throws(OpenSSLError) {
      switch try tls?.handshake() {
      case .done:
        readingWantsWrite = false
        phase = .encrypted
        return .secured
      case .wantRead, nil: readingWantsWrite = false
      case .wantWrite: readingWantsWrite = true
      }
      return .waiting
    } catch {
      throw Failure()
    }
  }

  /// What names this TLS connection (RFC 9266); only TLS 1.3 has such a name.
  mutating func exporter() throws(Failure) -> [UInt8] {
    do throws(OpenSSLError) { return try tls?.exporter() ?? [] } catch { throw Failure() }
  }

  /// Whether the client let the time for its first byte pass.
  func isSilent(at now: UInt64) -> Bool { phase == .firstByte && now >= firstByteEnd }

  /// Whether the handshake has been waited for long enough.
  func isOverdue(at now: UInt64) -> Bool { phase == .handshake && now >= handshakeEnd }

  // MARK: Receiving

  enum Reception {
    /// This was its share of a turn. The socket may have more: it is found again in the next one,
    /// after the others had theirs.
    case share
    /// The buffer is full, and TLS may hold more.
    case more
    case wouldBlock
    case endOfStream
  }

  /// Receives what is there, as far as the buffer takes it.
  mutating func receive(into buffer: inout [UInt8]) throws(Failure) -> (Int, Reception) {
    hasUnread = false
    readingWantsWrite = false
    let (count, reception) = try phase == .clear ? receiveClear(&buffer) : receiveRecords(&buffer)
    traffic.received += count
    return (count, reception)
  }

  private func receiveClear(_ buffer: inout [UInt8]) throws(Failure) -> (Int, Reception) {
    let received: Received
    do throws(SystemError) {
      var span = buffer.mutableSpan
      received = try socket.receive(into: &span)
    } catch {
      throw Failure()
    }
    switch received {
    case .bytes(let count): return (count, .share)
    case .endOfStream: return (0, .endOfStream)
    case .wouldBlock:
      // A peer that went has an end, behind what it said. Without one nobody would ever look again.
      if isUnreachable { throw Failure() }
      return (0, .wouldBlock)
    }
  }

  /// Fills the buffer with as many whole records as it takes, so that what came together goes out
  /// together.
  private mutating func receiveRecords(_ buffer: inout [UInt8]) throws(Failure) -> (Int, Reception)
  {
    var count = 0
    while buffer.count - count >= TLSConnection.largestRecord {
      do throws(OpenSSLError) {
        var bytes = buffer.mutableSpan
        var rest = bytes._mutatingExtracting(count..<bytes.count)
        // Any bytes make `UInt8`s.
        var raw = unsafe rest.mutableBytes
        switch try tls?.read(into: &raw) {
        case .bytes(let more):
          count += more
          // What TLS does not hold the poller tells of; to ask the kernel now would nearly always be in vain.
          if !holdsInput { return (count, .share) }
        case .wouldBlock(let wantsWrite):
          readingWantsWrite = wantsWrite
          return (count, .wouldBlock)
        case .endOfStream, nil: return (count, .endOfStream)
        }
      } catch {
        throw Failure()
      }
    }
    return (count, .more)
  }

  /// Notes that reading stopped although there may be more: the poller knows of what the socket holds,
  /// but not of what TLS does.
  mutating func stopReading() { hasUnread = holdsInput }

  /// Whether TLS holds what has come and has not been read.
  var holdsInput: Bool {
    switch tls {
    case .some(let tls): return tls.hasPending
    case nil: return false
    }
  }

  // MARK: Sending

  /// Sends what waits in the session, as far as the kernel takes it.
  mutating func send(
    _ session: inout HostSession, _ list: inout GatherList, _ record: inout [UInt8],
    in room: SharedRoom, at now: UInt64
  ) throws(Failure) {
    switch phase {
    case .clear: try sendClear(&session, &list, room, now)
    case .encrypted: try sendRecords(&session, &record, now)
    case .firstByte, .handshake: break
    }
  }

  private mutating func sendClear(
    _ session: inout HostSession, _ list: inout GatherList, _ room: SharedRoom, _ now: UInt64
  ) throws(Failure) {
    do throws(SystemError) {
      while !isBlocked, session.hasOutput {
        list.removeAll()
        // The stretches stay where they are until `outflow` is changed, after the call.
        unsafe session.forEachStretch { unsafe list.append($0) }
        lastProgress = now
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
      session.abandon(in: room)
      isUnreachable = true
      hasUnread = true
    }
  }

  private mutating func sendRecords(
    _ session: inout HostSession, _ record: inout [UInt8], _ now: UInt64
  ) throws(Failure) {
    while !isBlocked, !offered.isEmpty {
      let count = try writeOffered()
      if count > 0 { lastProgress = now }
      offered.removeFirst(count)
    }
    while !isBlocked, session.hasOutput {
      // Good until `outflow` is changed, after the call.
      let next = unsafe Self.nextRecord(&session, &record)
      let count = unsafe try write(next)
      lastProgress = now
      // What TLS could not send it has taken all the same: nothing may change its place now.
      if count == 0 { unsafe offered = Array(next) }
      let taken = count > 0 ? count : next.count
      traffic.sent += taken
      session.sent(taken)
    }
  }

  /// The bytes for one record: where they lie, if they lie together, else brought together, for a
  /// write costs far more than a copy.
  private static func nextRecord(_ session: inout HostSession, _ record: inout [UInt8])
    -> UnsafeRawBufferPointer
  {
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

  private mutating func writeOffered() throws(Failure) -> Int {
    let bytes = offered
    let span = bytes.span
    return try unsafe span.withUnsafeBytes { bytes throws(Failure) in unsafe try write(bytes) }
  }

  /// Writes a record; 0 if it must be offered again.
  private mutating func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> Int {
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

  /// The kernel may take bytes again.
  mutating func unblock() { isBlocked = false }

  /// Says that nothing more will be sent.
  mutating func finishSending(peerEnded: Bool) {
    tls?.shutdown()
    if !peerEnded { socket.finishSending() }
  }

  // MARK: What to wait for

  /// What the poller should watch for.
  /// - Parameter reads: whether bytes are wanted.
  func wantedInterest(reads: Bool) -> Poller.Interest {
    switch phase {
    case .firstByte: return .reading
    case .handshake: return readingWantsWrite ? .writing : .reading
    case .clear, .encrypted:
      var interest = Poller.Interest()
      if reads && !readingWantsWrite || isBlocked && sendingWantsRead { interest = .reading }
      if isBlocked && !sendingWantsRead || reads && readingWantsWrite { interest.insert(.writing) }
      return interest
    }
  }

  /// Whether an event means that sending may go on.
  func maySend(after event: Poller.Event) -> Bool {
    isBlocked && (sendingWantsRead ? event.isReadable : event.isWritable)
  }

  /// Whether an event means that reading may go on.
  func mayRead(after event: Poller.Event) -> Bool {
    event.isReadable || (readingWantsWrite && event.isWritable)
  }

  /// When the client must have done its part for it to stand; nil where it stands.
  var deadline: UInt64? {
    switch phase {
    case .firstByte: firstByteEnd
    case .handshake: handshakeEnd
    case .clear, .encrypted: nil
    }
  }
}
