import Synchronization

/// A place in a log: bytes since it began.
package typealias LogPosition = UInt64

/// A stretch of a log's bytes, written once and then only read.
///
/// Safe to share: bytes below ``LogPublication/end`` never change, `next` is set before that end
/// passes this segment's, and readers go no further than it.
@safe package final class LogSegment: @unchecked Sendable {
  /// Bytes of a segment: many packets, so that cursors change segments seldom, and little enough
  /// that a room nobody talks in costs nothing.
  static let capacity = 64 << 10

  let start: LogPosition
  private let bytes: UnsafeMutablePointer<UInt8>
  fileprivate(set) var next: LogSegment?

  init(start: LogPosition) {
    self.start = start
    unsafe bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.capacity)
  }

  deinit {
    unsafe bytes.deallocate()
    // One after the other: a long tail released by its last reader must not recurse.
    var rest = next.take()
    while isKnownUniquelyReferenced(&rest) { rest = rest?.next.take() }
  }

  var end: LogPosition { start + LogPosition(Self.capacity) }

  /// Copies as many of the bytes in as fit behind `position`, and says how many.
  fileprivate func write(_ source: Span<UInt8>, at position: LogPosition) -> Int {
    let offset = Int(position - start)
    let count = min(source.count, Self.capacity - offset)
    // `offset + count` is at most the capacity, and no reader is past `position` yet.
    unsafe source.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      unsafe (bytes + offset).update(from: base, count: count)
    }
    return count
  }

  /// The bytes from `position` to the segment's or the log's end.
  fileprivate func readable(from position: LogPosition, to limit: LogPosition)
    -> UnsafeRawBufferPointer
  {
    unsafe UnsafeRawBufferPointer(
      start: bytes + Int(position - start), count: Int(min(limit, end) - position))
  }
}

/// How far a log has been written: what its readers on all threads go by.
package final class LogPublication: Sendable {
  private let position = Atomic<LogPosition>(0)
  private let appended = Atomic<LogPosition>(0)
  /// How far the room's log file has come; nil where there is none.
  let recording: Recording?

  init(recording: Recording? = nil) { self.recording = recording }

  /// The end of the bytes that may be read.
  @inline(__always)
  package var end: LogPosition { position.load(ordering: .acquiring) }

  /// The end of the bytes that are there; those behind ``end`` wait for the log file.
  package var appendedEnd: LogPosition { appended.load(ordering: .acquiring) }

  @inline(__always)
  func publish(_ end: LogPosition) { position.store(end, ordering: .releasing) }

  @inline(__always)
  fileprivate func append(to end: LogPosition) { appended.store(end, ordering: .releasing) }
}

/// The writing end of a log of bytes, appended to under its owner's lock.
package struct RoomLog: Sendable {
  package let publication: LogPublication
  private var tail = LogSegment(start: 0)
  package private(set) var end: LogPosition = 0
  /// Whether what is appended stays unseen until its owner publishes it.
  var isHeldBack = false

  package init() { self.init(recording: nil) }

  init(recording: Recording?) { publication = LogPublication(recording: recording) }

  /// Appends bytes and lets readers see them, unless it is held back.
  package mutating func append(_ bytes: [UInt8]) { append(bytes.span) }

  /// Appends bytes and lets readers see them, unless it is held back.
  package mutating func append(_ bytes: Span<UInt8>) {
    write(bytes)
    show()
  }

  /// Appends a line that comes in two parts, and its end.
  mutating func append(line first: Span<UInt8>, _ second: Span<UInt8>) {
    write(first)
    write(second)
    let end: InlineArray<1, UInt8> = [UInt8(ascii: "\n")]
    write(end.span)
    show()
  }

  private mutating func write(_ bytes: Span<UInt8>) {
    var written = 0
    while written < bytes.count {
      if end == tail.end {
        let segment = LogSegment(start: end)
        tail.next = segment
        tail = segment
      }
      let count = tail.write(bytes.extracting(droppingFirst: written), at: end)
      written += count
      end += LogPosition(count)
    }
  }

  private func show() {
    publication.append(to: end)
    if !isHeldBack { publication.publish(end) }
  }

  /// This log, whose readers wait for `recording` from now on. It has none yet.
  func goingOn(with recording: Recording) -> RoomLog {
    var log = RoomLog(recording: recording)
    log.tail = tail
    log.end = end
    log.publication.append(to: end)
    log.publication.publish(end)
    log.isHeldBack = true
    return log
  }

  /// An empty log whose readers wait for the same as this one's.
  var companion: RoomLog {
    var log = RoomLog(recording: publication.recording)
    log.isHeldBack = isHeldBack
    return log
  }

  /// Lets readers see all there is from now on.
  mutating func release() {
    isHeldBack = false
    publication.publish(end)
  }

  /// A cursor at the end, which reads what is appended from now on.
  package var cursor: LogCursor { LogCursor(segment: tail, position: end) }
}

/// A reader's place in a log; it keeps alive what stands behind it, and nothing before it.
package struct LogCursor: Sendable {
  private var segment: LogSegment
  package private(set) var position: LogPosition

  fileprivate init(segment: LogSegment, position: LogPosition) {
    self.segment = segment
    self.position = position
  }

  /// Hands the bytes from here to `limit` to `body`, a stretch at a time, until it returns false.
  ///
  /// The pointers are good as long as the cursor stays where it is.
  /// - Parameter limit: at most the log's published end.
  @inline(__always)
  package func forEachStretch(to limit: LogPosition, _ body: (UnsafeRawBufferPointer) -> Bool) {
    if position < limit, limit <= segment.end {
      // Nearly always: the segment need not be copied, which would count a reference.
      _ = unsafe body(segment.readable(from: position, to: limit))
      return
    }
    var segment = segment
    var position = position
    while position < limit {
      if position == segment.end {
        guard let next = segment.next else { return }
        segment = next
      }
      let stretch = unsafe segment.readable(from: position, to: limit)
      guard unsafe body(stretch) else { return }
      position += LogPosition(stretch.count)
    }
  }

  /// Moves on by `count` bytes, which must have been published.
  @inline(__always)
  package mutating func advance(by count: Int) {
    position += LogPosition(count)
    while position > segment.end, let next = segment.next { segment = next }
    // At a segment's very end it stays: `next` may be in the making as long as nothing behind it
    // has been published.
  }

  /// Copies the bytes from here to `limit`, at most `count` of them, and moves behind them.
  package mutating func read(to limit: LogPosition, atMost count: Int, into bytes: inout [UInt8]) {
    let limit = min(limit, position + LogPosition(count))
    unsafe forEachStretch(to: limit) { stretch in
      unsafe bytes.append(contentsOf: stretch)
      return true
    }
    advance(by: Int(limit - position))
  }

  /// The first position after a line's end at or after this place, up to `limit`; nil if the line
  /// that stands here has not ended there.
  package func endOfLine(to limit: LogPosition) -> LogPosition? {
    var found: LogPosition?
    var passed = position
    unsafe forEachStretch(to: limit) { stretch in
      if let index = unsafe stretch.firstIndex(of: UInt8(ascii: "\n")) {
        found = passed + LogPosition(index) + 1
        return false
      }
      passed += LogPosition(stretch.count)
      return true
    }
    return found
  }
}
