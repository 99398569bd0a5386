import ChatCore
import Sockets

/// How a host is doing: what its workers have counted, and what stands in the room now.
package struct Figures: Sendable {
  var members = 0
  var messages: Int64 = 0
  var privateMessages: Int64 = 0
  var lastID: Int64 = 0
  var bans = 0
  /// Connections that wait for admission.
  var waiting = 0
  /// Since the host began, in nanoseconds.
  var uptime: UInt64 = 0
  var counts = WorkerCounts()
  /// Bytes that wait for the connection with the most of them, and for all; nil where the workers
  /// have not been asked, or did not answer in time.
  var lag: (largest: Int, sum: Int)?

  /// - Parameter asksWorkers: whether to wait for what only they know.
  init(of host: Host, asksWorkers: Bool) {
    (members, messages, privateMessages, lastID, bans) = host.room.withLock {
      ($0.memberCount, $0.messageCount, $0.privateMessageCount, $0.lastID, $0.bans.count)
    }
    waiting = host.waiting.load(ordering: .relaxed)
    uptime = Clock.monotonic() - host.beginning
    for mailbox in host.mailboxes { counts.add(mailbox.published) }
    guard asksWorkers else { return }
    let survey = host.survey()
    guard survey.isComplete else { return }
    lag = survey.facts.values.reduce(into: (0, 0)) { lag, facts in
      lag = (max(lag.0, facts.lag), lag.1 + facts.lag)
    }
  }

  /// The figures by their names in JSON, in the order to show them.
  var entries: [(name: String, words: String, value: Int64)] {
    var entries: [(String, String, Int64)] = [
      ("uptime", "seconds since the beginning", Int64(uptime / 1_000_000_000)),
      ("members", "members", Int64(members)),
      ("waiting", "connections that wait for admission", Int64(waiting)),
      ("messages", "messages to everybody", messages),
      ("private_messages", "messages to one member", privateMessages),
      ("deliveries", "deliveries of messages to everybody", Int64(counts.deliveries)),
      ("last_id", "last id", lastID),
      ("bytes_received", "bytes received", Int64(counts.bytesReceived)),
      ("bytes_sent", "bytes sent", Int64(counts.bytesSent)),
    ]
    if let lag {
      entries += [
        ("lag_largest", "bytes that the slowest member is behind", Int64(lag.largest)),
        ("lag_sum", "bytes that all are behind together", Int64(lag.sum)),
      ]
    }
    let turns = counts.turns
    return entries + [
      ("accepted", "connections accepted", Int64(counts.accepted)),
      ("turned_away", "turned away because too many waited", Int64(counts.turnedAway)),
      ("admitted", "admitted", Int64(counts.admitted)),
      ("refused", "refused", Int64(counts.refused)),
      ("wrong_passwords", "of these for a wrong password", Int64(counts.wrongPasswords)),
      ("throttled", "of these for too many guesses", Int64(counts.throttled)),
      ("rejected", "closed for what they sent, or did not send in time", Int64(counts.rejected)),
      ("too_slow", "cut because they read too slowly", Int64(counts.tooSlow)),
      ("silent", "cut because nothing was heard from them", Int64(counts.silent)),
      ("kicked", "put out", Int64(counts.kicked)),
      ("bans", "bans", Int64(bans)),
      ("turns", "turns of the workers", Int64(turns.count)),
      ("turns_microseconds", "microseconds of work in all turns", Int64(turns.sum / 1_000)),
      (
        "turn_longest_microseconds", "microseconds of the longest turn",
        Int64(turns.longest / 1_000)
      ),
    ]
  }
}
