import ChatCore

/// How the descriptors that this process may open are shared out, so that clients never take what the
/// host cannot do without.
struct DescriptorBudget {
  /// The least limit that leaves room for a room.
  let least: Int
  /// Connections at a time: members, those that wait for admission, and those being turned away.
  let connections: Int
  /// Members at a time.
  let members: Int

  /// - Parameters:
  ///   - limit: descriptors that may be open.
  ///   - open: those that are by now.
  ///   - metrics: whether somebody may ask for metrics.
  init(limit: Int, open: Int, threads: Int, metrics: Bool) {
    // A poller and a mailbox each, and what tells the room's other parts that there is news.
    let room = 2 * threads + 8
    // A log's next part and its directory, an old part, a question of the operator's: none for long.
    let spare = 8 + (metrics ? Limits.metricsClients : 0)
    connections = limit - open - room - spare
    members = connections - min(40, max(2, connections / 8))
    least = open + room + spare + 3
  }
}
