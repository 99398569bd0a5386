/// What one connection is still to be sent: the log from its cursor on, and between that what is for
/// it alone.
///
/// Each packet of its own remembers the place in the log it comes after, so the order is defined and
/// no packet is ever split by another. Nothing is copied: ``forEachStretch(_:)`` hands out the bytes
/// where they are, ``advance(by:)`` says how many of them went.
package struct Outflow: Sendable {
  private struct Own: Sendable {
    let after: LogPosition
    var bytes: [UInt8]
    /// Bytes of the log that this packet stands in for.
    var replaces = 0
    /// What must be in the room's log file first, see ``Recording``.
    var recorded: UInt64 = 0
    /// More of it may come, and nothing behind it goes before: packets read from a log file.
    var isOpen = false
  }

  private var cursor: LogCursor?
  private var view: LogView?
  /// Where the views of logs are kept; nil to read all that is published.
  private let views: LogViews?
  /// Where the log ends for a connection that is closing.
  private var last: LogPosition?
  private var own: [Own] = []
  private var sentOfFirst = 0
  private var isMidPacket = false
  /// Bytes of its own packets that still wait.
  package private(set) var ownBytes = 0

  /// - Parameter views: those of the worker that sends this.
  package init(_ views: LogViews? = nil) { self.views = views }

  private var publication: LogPublication? { view?.publication }

  /// The end of the log as this connection sees it.
  private var end: LogPosition {
    let readable = view?.end ?? 0
    return last.map { min($0, readable) } ?? readable
  }

  package var position: LogPosition { cursor?.position ?? 0 }

  /// Whether nothing is left to send, now or once the log file has it.
  package var isEmpty: Bool { own.isEmpty && position >= last ?? publication?.end ?? 0 }

  /// Whether there is something to send now.
  @inline(__always)
  package var canSend: Bool {
    guard let first = own.first else { return position < end }
    return position < min(first.after, end) || isReady(first) && !first.bytes.isEmpty
  }

  /// Whether a packet of its own may go, once all before it has gone.
  private func isReady(_ packet: Own) -> Bool {
    packet.after <= end && packet.recorded <= publication?.recording?.recorded ?? .max
  }

  /// Bytes that are there and not sent.
  package var lag: Int { Int(end - min(end, position)) + ownBytes }

  /// Adds a packet of its own.
  /// - Parameters:
  ///   - position: where in the log it belongs; nil for the log's end.
  ///   - count: bytes of the log at that place which it stands in for.
  ///
  /// It waits until all that was said before it is in the log file.
  package mutating func post(
    _ bytes: [UInt8], after position: LogPosition? = nil, replacing count: Int = 0
  ) {
    guard last == nil else { return }
    // A place in a log that it does not read any more is the end of the one that it does.
    let end = publication?.appendedEnd ?? 0
    var after = position.map { min($0, end) } ?? end
    if isMidPacket, after < self.position {
      // Its place has been passed, in the middle of a packet.
      after = cursor?.endOfLine(to: self.end) ?? self.end
    }
    ownBytes += bytes.count
    let recorded = publication?.recording?.appended ?? 0
    let index = place(movingBehind: &after)
    let before = index - 1
    if index > 0, own[before].after == after, own[before].replaces == 0, count == 0,
      !own[before].isOpen, own[before].recorded == recorded
    {
      own[before].bytes.append(bytes.span)
    } else {
      own.insert(Own(after: after, bytes: bytes, replaces: count, recorded: recorded), at: index)
    }
  }

  /// Where among its own packets one belongs that comes after this place in the log, which is moved behind
  /// what may not be passed: nearly always at the end, only what another worker hands over may belong
  /// further to the front.
  private func place(movingBehind after: inout LogPosition) -> Int {
    var index = own.count
    while index > 0, own[index - 1].after > after, !isFixed(index - 1) { index -= 1 }
    if index > 0 { after = max(after, own[index - 1].after + LogPosition(own[index - 1].replaces)) }
    return index
  }

  /// Whether nothing may come before this packet of its own any more.
  private func isFixed(_ index: Int) -> Bool { own[index].isOpen || index == 0 && sentOfFirst > 0 }

  /// Holds everything back that comes from now on, until what was missed before it has been
  /// ``fill(_:isLast:)``ed in.
  package mutating func openGap(at position: LogPosition) {
    guard last == nil else { return }
    var after = position
    // What was handed over, and belongs behind it, may be there already.
    let index = place(movingBehind: &after)
    own.insert(Own(after: after, bytes: [], isOpen: true), at: index)
  }

  /// Whether it waits for what comes in such a gap.
  package var wantsFill: Bool { own.first.map { $0.isOpen && $0.bytes.isEmpty } ?? false }

  /// Adds packets to what comes in the gap.
  package mutating func fill(_ bytes: [UInt8], isLast: Bool) {
    guard let index = own.firstIndex(where: \.isOpen) else { return }
    own[index].bytes.append(bytes.span)
    ownBytes += bytes.count
    own[index].isOpen = !isLast
    if own[index].bytes.isEmpty, isLast { own.remove(at: index) }
  }

  /// Reads from `cursor` on from now on. What waits already is sent first, and so is the rest of a
  /// packet that has been sent in part.
  package mutating func follow(_ cursor: LogCursor, of publication: LogPublication) {
    if isMidPacket, let end = self.cursor?.endOfLine(to: end) {
      finishLog(to: end)
    }
    let waiting = own
    own = waiting.map {
      Own(
        after: cursor.position, bytes: $0.bytes, recorded: $0.recorded, isOpen: $0.isOpen)
    }
    self.cursor = cursor
    view = views?.view(of: publication) ?? LogView(publication)
    isMidPacket = false
  }

  /// As ``follow(_:of:)``, after all that is in the present log.
  package mutating func follow(
    _ cursor: LogCursor, of publication: LogPublication, after: LogPosition
  ) {
    finishLog(to: after)
    isMidPacket = false
    follow(cursor, of: publication)
  }

  /// Turns the log from the cursor to `position` into packets of its own, in order with the others.
  private mutating func finishLog(to position: LogPosition) {
    guard var cursor, cursor.position < position else { return }
    var merged: [Own] = []
    func take(to limit: LogPosition) {
      // A packet that stands in for some of the log may have led past it.
      guard cursor.position < limit else { return }
      var bytes: [UInt8] = []
      cursor.read(to: limit, atMost: .max, into: &bytes)
      if !bytes.isEmpty {
        // Some of it may still wait for the log file.
        merged.append(
          Own(after: limit, bytes: bytes, recorded: publication?.recording?.appended ?? 0))
        ownBytes += bytes.count
      }
    }
    var rest = own[...]
    for (index, packet) in own.enumerated() {
      if packet.after > position { break }
      rest = own[(index + 1)...]
      if index == 0, sentOfFirst > 0 {
        merged.append(packet)
      } else {
        take(to: packet.after)
        merged.append(packet)
      }
      cursor.advance(by: packet.replaces)
    }
    take(to: position)
    own = merged + rest
    self.cursor = cursor
  }

  /// Ends the stream behind what the log has now, or behind `position`: later packets are not sent.
  package mutating func close(after position: LogPosition? = nil) {
    last = min(last ?? .max, position ?? publication?.appendedEnd ?? 0)
  }

  /// Ends the stream with a last packet of its own: what others say meanwhile does not come behind it.
  package mutating func close(with packet: [UInt8]) {
    guard last == nil else { return }
    post(packet)
    last = own.last?.after
  }

  /// Ends the stream behind what is in the log file, with a last packet: that file cannot be written
  /// any more, so nothing that waits for it will ever go.
  package mutating func closeAtRecorded(with packet: [UInt8]) {
    let published = publication?.end ?? 0
    let begun = sentOfFirst > 0 ? 1 : 0
    let recorded = publication?.recording?.recorded ?? .max
    own = Array(
      own.prefix(begun)
        + own.dropFirst(begun).filter {
          $0.after <= published && $0.recorded <= recorded && !$0.isOpen
        })
    finish(with: packet, after: published)
    last = max(last ?? 0, published)
  }

  /// Adds the last packet, which waits for no file, behind those that are left.
  private mutating func finish(with packet: [UInt8], after position: LogPosition) {
    if !own.isEmpty { own[0].isOpen = false }
    ownBytes = own.reduce(0) { $0 + $1.bytes.count } - sentOfFirst + packet.count
    let after = max(position, own.last.map { $0.after + LogPosition($0.replaces) } ?? 0)
    own.append(Own(after: after, bytes: packet))
    last = after
  }

  /// Ends the stream as early as a packet allows, for a reader that is too far behind, with a last
  /// packet of its own.
  package mutating func cut(with packet: [UInt8]) {
    var stop = position
    if isMidPacket { stop = cursor?.endOfLine(to: end) ?? stop }
    // A packet of its own that went in part must be finished too.
    own = sentOfFirst > 0 ? Array(own.prefix(1)) : []
    // Behind the one that went in part, and the bytes of the log that it stands in for.
    finish(with: packet, after: stop)
  }

  /// Sends nothing more, and lets go of the log: nobody is there to take it.
  package mutating func abandon() {
    own = []
    ownBytes = 0
    sentOfFirst = 0
    isMidPacket = false
    cursor = nil
    view = nil
    last = 0
  }

  /// Hands out what is to be sent, a stretch at a time, until `body` returns false.
  ///
  /// The pointers are good as long as this value is not changed.
  @inline(__always)
  package func forEachStretch(_ body: (UnsafeRawBufferPointer) -> Bool) {
    let end = end
    if own.isEmpty {
      unsafe cursor?.forEachStretch(to: end, body)
      return
    }
    unsafe forEachMixedStretch(to: end, body)
  }

  private func forEachMixedStretch(to end: LogPosition, _ body: (UnsafeRawBufferPointer) -> Bool) {
    var cursor = cursor
    var goesOn = true
    var skip = sentOfFirst
    for packet in own {
      if packet.after > end { break }
      if let place = cursor, place.position < packet.after {
        unsafe place.forEachStretch(to: packet.after) { stretch in
          goesOn = unsafe body(stretch)
          return goesOn
        }
        guard goesOn else { return }
        cursor?.advance(by: Int(packet.after - place.position))
      }
      guard isReady(packet) else { return }
      unsafe packet.bytes.withUnsafeBytes { bytes in
        goesOn = unsafe body(UnsafeRawBufferPointer(rebasing: bytes[skip...]))
      }
      guard goesOn, !packet.isOpen else { return }
      skip = 0
      cursor?.advance(by: packet.replaces)
    }
    unsafe cursor?.forEachStretch(to: end, body)
  }

  /// Moves on by `count` bytes, which have been sent.
  package mutating func advance(by count: Int) {
    var rest = count
    while rest > 0 {
      guard let packet = own.first else { return advanceInLog(by: rest) }
      if position < packet.after, cursor != nil {
        let step = min(rest, Int(packet.after - position))
        advanceInLog(by: step)
        rest -= step
        continue
      }
      let step = min(rest, packet.bytes.count - sentOfFirst)
      sentOfFirst += step
      ownBytes -= step
      rest -= step
      if sentOfFirst == packet.bytes.count {
        sentOfFirst = 0
        if packet.isOpen {
          own[0].bytes = []
          return
        }
        cursor?.advance(by: packet.replaces)
        own.removeFirst()
      }
    }
  }

  private mutating func advanceInLog(by count: Int) {
    guard let before = cursor?.position else { return }
    let next = before + LogPosition(count)
    // The log's end, and the place of a packet of its own, are always between packets.
    isMidPacket = next < end && endsInPacket(next)
    cursor?.advance(by: count)
  }

  /// Whether the stretch from the cursor to `position` ends inside a packet.
  private func endsInPacket(_ position: LogPosition) -> Bool {
    var last = UInt8(ascii: "\n")
    unsafe cursor?.forEachStretch(to: position) { stretch in
      last = unsafe stretch[stretch.count - 1]
      return true
    }
    return last != UInt8(ascii: "\n")
  }
}
