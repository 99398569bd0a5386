import ChatClient
import ChatCore
import OpenSSL
import Sockets

/// Measures a room on this machine: one client speaks, all hear it.
///
/// The load runs on the calling thread, the room on threads of its own, so the time that the room
/// takes can be told apart. First as much as goes, ``window`` messages on their way at a time, for
/// deliveries and CPU time; then a message every ``pace``, for latency that no queue adds to.
struct FanoutBench {
  /// What came out for one number of clients.
  struct Row: Equatable {
    let clients: Int
    let deliveriesPerSecond: Double
    /// The room's CPU time for one message at one client, in nanoseconds.
    let processorTime: Double
    /// From saying to hearing, in nanoseconds: half of the deliveries took no longer...
    let median: UInt64
    /// ...and 99 of 100.
    let percentile99: UInt64
  }

  /// Messages that are not with everybody yet.
  static let window = 64
  /// Bytes of a text.
  static let textLength = 64
  /// Nanoseconds between messages where latency is measured.
  static let pace: UInt64 = 5_000_000

  /// For each row.
  let seconds: Duration
  let isSecure: Bool
  /// Of the room; one core is left to the load.
  let threads = max(1, min(8, Machine.processors - 1))

  /// The numbers of clients to measure: powers of ten below `most`, and that itself.
  static func steps(to most: Int) -> [Int] {
    var steps: [Int] = []
    var next = 10
    while next < most {
      steps.append(next)
      next *= 10
    }
    return steps + [most]
  }

  func measure(_ clients: Int) throws(Visitor.Failure) -> Row {
    try LoopbackRoom.open(
      isSecure ? .secure(admitsVersionOne: false) : .clear, threads: threads
    ) { room throws(Visitor.Failure) in try measure(clients, in: room) }
  }

  private func measure(_ clients: Int, in room: LoopbackRoom) throws(Visitor.Failure) -> Row {
    var crowd = try BenchCrowd(clients, in: room, isSecure: isSecure)
    let nanoseconds = seconds.nanoseconds
    // Buffers grow and caches fill before it counts.
    try crowd.talk(for: nanoseconds / 10, window: Self.window)
    crowd.forget()
    let before = processorTime(of: room)
    let start = Clock.monotonic()
    try crowd.talk(for: nanoseconds / 2, window: Self.window)
    let time = Clock.monotonic() - start
    let deliveries = Double(max(1, crowd.deliveries))
    let used = processorTime(of: room) - before
    crowd.forget()
    try crowd.talk(for: nanoseconds * 4 / 10, window: 1, pace: Self.pace)
    let latencies = crowd.latencies.sorted()
    return Row(
      clients: clients, deliveriesPerSecond: deliveries * 1e9 / Double(max(1, time)),
      processorTime: Double(used) / deliveries, median: latencies[latencies.count / 2],
      percentile99: latencies[latencies.count * 99 / 100])
  }

  private func processorTime(of room: LoopbackRoom) -> UInt64 {
    room.threads.reduce(0) { $0 + ($1.processorTime ?? 0) }
  }
}
