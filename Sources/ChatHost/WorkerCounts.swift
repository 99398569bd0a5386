import ChatCore

/// What one worker has counted since the host began. It counts for itself, and publishes the whole at
/// the end of a turn.
struct WorkerCounts: Sendable {
  /// Connections accepted, refused ones included; only the worker that listens has any.
  var accepted: UInt64 = 0
  /// Those refused at once, because so many waited for admission.
  var turnedAway: UInt64 = 0
  var admitted: UInt64 = 0
  /// Those that were not let in, for any reason.
  var refused: UInt64 = 0
  /// Those of them that had a wrong password, and those that were not to guess any more.
  var wrongPasswords: UInt64 = 0
  var throttled: UInt64 = 0
  /// Those closed for what they sent.
  var rejected: UInt64 = 0
  /// Members cut because they were too far behind, or silent.
  var tooSlow: UInt64 = 0
  var silent: UInt64 = 0
  var kicked: UInt64 = 0
  /// Bytes of packets, without what TLS adds.
  var bytesReceived: UInt64 = 0
  var bytesSent: UInt64 = 0
  /// Packets of the stream for each member that was there to get them.
  var deliveries: UInt64 = 0
  /// Connections now.
  var connections = 0
  var turns = TurnTimes()

  /// Counts what has become of a connection.
  mutating func note(_ news: HostSession.News) {
    switch news {
    case .admitted: admitted += 1
    case .refused(let refusal):
      refused += 1
      if refusal == .wrongPassword { wrongPasswords += 1 }
      if refusal == .tooManyAttempts { throttled += 1 }
    case .unproven:
      refused += 1
      wrongPasswords += 1
    case .rejected: rejected += 1
    case .ended(.tooSlow, _): tooSlow += 1
    case .ended(.timeout, _): silent += 1
    case .ended(.kicked, _): kicked += 1
    case .ended(.takenOver, _), .ended(.shutdown, _), .ended(.historyGone, _): break
    }
  }

  mutating func add(_ other: WorkerCounts) {
    accepted += other.accepted
    turnedAway += other.turnedAway
    admitted += other.admitted
    refused += other.refused
    wrongPasswords += other.wrongPasswords
    throttled += other.throttled
    rejected += other.rejected
    tooSlow += other.tooSlow
    silent += other.silent
    kicked += other.kicked
    bytesReceived += other.bytesReceived
    bytesSent += other.bytesSent
    deliveries += other.deliveries
    connections += other.connections
    turns.add(other.turns)
  }
}

/// How long turns of workers' loops took, waiting left out.
struct TurnTimes: Sendable {
  /// The longest time that counts in a bucket, in nanoseconds; the last bucket has no bound.
  static let bounds: [UInt64] = [100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000]

  /// Turns in each bucket, those of the buckets before it left out.
  private(set) var buckets: InlineArray<6, UInt64> = .init(repeating: 0)
  /// All of it, in nanoseconds.
  private(set) var sum: UInt64 = 0
  private(set) var longest: UInt64 = 0

  var count: UInt64 { buckets.indices.reduce(0) { $0 + buckets[$1] } }

  mutating func note(_ nanoseconds: UInt64) {
    var index = 0
    while index < Self.bounds.count, nanoseconds > Self.bounds[index] { index += 1 }
    buckets[index] += 1
    sum += nanoseconds
    longest = max(longest, nanoseconds)
  }

  mutating func add(_ other: TurnTimes) {
    for index in buckets.indices { buckets[index] += other.buckets[index] }
    sum += other.sum
    longest = max(longest, other.longest)
  }
}
