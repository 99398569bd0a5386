import ChatCore
import Glibc
import Sockets

// How a client has its connection, loses it and has it again (PROTOCOL.md, section 7).

extension Client {
  /// Tries at once to have the connection again, if it is lost.
  package mutating func retryNow() {
    if link == nil, attempt == nil { nextTry = 0 }
  }

  mutating func hangUp() {
    _ = handle(session.disconnected())
    link = nil
    attempt = nil
    hasUnread = false
    admissionDeadline = nil
  }

  /// The connection is gone, or could not be had.
  /// - Parameter reason: why; nil if the host closed it.
  mutating func lose(_ reason: String?, isSlow: Bool = false) -> Ending? {
    hangUp()
    let last = reason.map { Ending.lost(reason: $0) } ?? .closed(reason: nil)
    let reason = reason ?? "the host closed it"
    guard hasJoined, settings.reconnection != nil,
      let next = reconnection.nextTry(
        after: Clock.monotonic(), isSlow: isSlow,
        random: UInt64.random(in: 0..<UInt64(Int64.max)))
    else {
      _ = handle(session.takeHeld())
      return left(or: last)
    }
    nextTry = next
    if !isLossTold {
      // Hosts give sentences, and this goes into one.
      front.tell(
        isSlow ? .closed : .lost(reason: reason.hasSuffix(".") ? String(reason.dropLast()) : reason)
      )
    }
    isLossTold = true
    return nil
  }

  mutating func closed(_ code: String, _ reason: String) -> Ending? {
    switch code {
    case "too_slow", "timeout": return lose(reason)
    case "shutdown" where settings.outlivesHost: return lose(reason, isSlow: true)
    default:
      hangUp()
      _ = handle(session.takeHeld())
      return left(or: .closed(reason: code == "shutdown" ? nil : reason))
    }
  }

  mutating func refused(_ reason: String) -> Ending? {
    // These pass; nothing else that a host refuses by does (section 4).
    if hasJoined, reason == "Room is full." || reason.hasPrefix("Too many attempts") {
      return lose(reason)
    }
    hangUp()
    return .refused(reason, hint: nil)
  }

  mutating func connectIfDue() -> Ending? {
    guard let due = nextTry, due <= Clock.monotonic() else { return nil }
    nextTry = nil
    do throws(Connector.Failure) {
      attempt = try ConnectionAttempt(connector, to: addresses)
      return nil
    } catch {
      return failed(error)
    }
  }

  mutating func advanceAttempt(isReady: Bool) -> Ending? {
    guard isReady || (attempt?.deadline).map({ $0 <= Clock.monotonic() }) ?? false else {
      return nil
    }
    do throws(Connector.Failure) {
      guard let link = try attempt?.proceed(isReady: isReady) ?? nil else { return nil }
      // With the end of the handshake TLS may have read more.
      hasUnread = link.isEncrypted
      self.link = consume link
      attempt = nil
      let now = Self.now()
      admissionDeadline = connector.timeout.map { now.monotonic + $0 }
      session.connected(at: now)
      return nil
    } catch {
      return failed(error)
    }
  }

  mutating func failed(_ failure: Connector.Failure) -> Ending? {
    attempt = nil
    // That it may be read by all is no failure that passes.
    if case .clearText = failure { return .notConnected(failure) }
    return hasJoined ? lose(failure.reason) : .notConnected(failure)
  }
}
