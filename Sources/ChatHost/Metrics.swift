/// Figures in Prometheus' text format, version 0.0.4.
struct Metrics {
  /// What the format is called in HTTP.
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  private(set) var text = ""

  init(_ figures: Figures, version: String) {
    let counts = figures.counts
    family("netchat_build_info", "gauge", "The program's version.")
    line("netchat_build_info{version=\"\(version)\"}", 1)
    gauge("netchat_uptime_seconds", "Seconds since the room was opened.") {
      Self.seconds(figures.uptime)
    }
    gauge("netchat_members", "Members of the room.", figures.members)
    gauge("netchat_connections", "Connections, waiting and closing ones too.", counts.connections)
    gauge(
      "netchat_waiting_connections", "Connections that wait for admission.", figures.waiting)
    gauge("netchat_bans", "Bans of addresses.", figures.bans)
    counter("netchat_messages_total", "Messages to everybody.", figures.messages)
    counter("netchat_private_messages_total", "Messages to one member.", figures.privateMessages)
    counter(
      "netchat_deliveries_total", "Messages to everybody, for each member that was there.",
      counts.deliveries)
    counter("netchat_received_bytes_total", "Bytes of packets received.", counts.bytesReceived)
    counter("netchat_sent_bytes_total", "Bytes of packets sent.", counts.bytesSent)
    if let lag = figures.lag {
      gauge("netchat_lag_bytes", "Bytes that wait for all members together.", lag.sum)
      gauge(
        "netchat_lag_largest_bytes", "Bytes that wait for the member with the most of them.",
        lag.largest)
    }
    counter("netchat_accepted_total", "Connections accepted.", counts.accepted)
    counter(
      "netchat_turned_away_total", "Connections turned away because so many waited.",
      counts.turnedAway)
    counter("netchat_admitted_total", "Admissions.", counts.admitted)
    let guesses = counts.wrongPasswords + counts.throttled
    counter(
      "netchat_refused_guesses_total", "Wrong passwords, and guesses that came too often.", guesses)
    family("netchat_refusals_total", "counter", "Connections that were not let in.")
    for (reason, count) in [
      ("wrong_password", counts.wrongPasswords), ("too_many_attempts", counts.throttled),
      ("other", counts.refused - guesses),
    ] {
      line("netchat_refusals_total{reason=\"\(reason)\"}", count)
    }
    counter(
      "netchat_rejected_total", "Connections closed for what they sent or did not send in time.",
      counts.rejected)
    family("netchat_evictions_total", "counter", "Members whom the host cut.")
    for (reason, count) in [
      ("too_slow", counts.tooSlow), ("timeout", counts.silent), ("kicked", counts.kicked),
    ] {
      line("netchat_evictions_total{reason=\"\(reason)\"}", count)
    }
    histogram(counts.turns)
  }

  private mutating func histogram(_ turns: TurnTimes) {
    let name = "netchat_turn_seconds"
    family(name, "histogram", "Time of a turn of a worker's loop, waiting left out.")
    var sum: UInt64 = 0
    for (index, bound) in TurnTimes.bounds.enumerated() {
      sum += turns.buckets[index]
      line("\(name)_bucket{le=\"\(Self.seconds(bound))\"}", sum)
    }
    line("\(name)_bucket{le=\"+Inf\"}", turns.count)
    line("\(name)_sum", Self.seconds(turns.sum))
    line("\(name)_count", turns.count)
  }

  private mutating func counter(_ name: String, _ help: String, _ value: some BinaryInteger) {
    family(name, "counter", help)
    line(name, value)
  }

  private mutating func gauge(_ name: String, _ help: String, _ value: Int) {
    family(name, "gauge", help)
    line(name, value)
  }

  private mutating func gauge(_ name: String, _ help: String, _ value: () -> String) {
    family(name, "gauge", help)
    line(name, value())
  }

  /// - Parameter help: without a backslash or a line feed, which would have to be escaped.
  private mutating func family(_ name: String, _ type: String, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
  }

  private mutating func line(_ name: String, _ value: some CustomStringConvertible) {
    text += "\(name) \(value)\n"
  }

  /// Nanoseconds as decimal seconds, exactly.
  private static func seconds(_ nanoseconds: UInt64) -> String {
    let whole = nanoseconds / 1_000_000_000
    var digits = String(nanoseconds % 1_000_000_000)
    guard digits != "0" else { return "\(whole)" }
    digits = String(repeating: "0", count: 9 - digits.count) + digits
    while digits.hasSuffix("0") { digits.removeLast() }
    return "\(whole).\(digits)"
  }
}
