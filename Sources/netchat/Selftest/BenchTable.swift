import ChatCore

/// What a bench shows: a line for each row, or a packet for programs.
struct BenchTable {
  let bench: FanoutBench

  var head: String {
    let mode = bench.isSecure ? "a secure room" : "a room in clear text"
    let threads = bench.threads == 1 ? "1 thread" : "\(bench.threads) threads"
    return """
      One of the clients speaks, all hear it: \(mode) on \(threads),
      texts of \(FanoutBench.textLength) bytes, \(FanoutBench.window) on their way at a time; \
      latency with one at a time.

      clients  deliveries/s  CPU each       p50       p99

      """
  }

  /// - Parameter most: the most deliveries a second of any row so far, for the length of the bar.
  func line(_ row: FanoutBench.Row, most: Double) -> String {
    [
      Self.right("\(row.clients)", 7), Self.right(Self.grouped(row.deliveriesPerSecond), 14),
      Self.right(Self.time(row.processorTime), 10), Self.right(Self.time(Double(row.median)), 10),
      Self.right(Self.time(Double(row.percentile99)), 10), "  ",
      Self.bar(row.deliveriesPerSecond / most, width: 24),
    ].joined() + "\n"
  }

  func packet(_ row: FanoutBench.Row) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("bench")
    writer.key(",\"mode\":")
    writer.string(bench.isSecure ? "secure" : "plain")
    writer.key(",\"threads\":")
    writer.integer(Int64(bench.threads))
    writer.key(",\"clients\":")
    writer.integer(Int64(row.clients))
    writer.key(",\"deliveries_per_second\":")
    writer.integer(Int64(row.deliveriesPerSecond.rounded()))
    writer.key(",\"cpu_ns_per_delivery\":")
    writer.integer(Int64(row.processorTime.rounded()))
    writer.key(",\"p50_ns\":")
    writer.integer(Int64(row.median))
    writer.key(",\"p99_ns\":")
    writer.integer(Int64(row.percentile99))
    writer.end()
    return writer.bytes
  }

  /// `1.24 s`, `12 ms`, `3.1 ms`, `870 µs`, `95 ns`: two or three figures are enough.
  static func time(_ nanoseconds: Double) -> String {
    let (value, unit) =
      switch nanoseconds {
      case ..<999.5: (nanoseconds, "ns")
      case ..<999_500: (nanoseconds / 1e3, "µs")
      case ..<999_500_000: (nanoseconds / 1e6, "ms")
      default: (nanoseconds / 1e9, "s")
      }
    let tenths = Int((value * 10).rounded())
    let isShort = tenths < 100 && unit != "ns"
    return isShort ? "\(tenths / 10).\(tenths % 10) \(unit)" : "\(Int(value.rounded())) \(unit)"
  }

  /// `1,234,567`
  static func grouped(_ value: Double) -> String {
    var digits = Array("\(Int(value.rounded()))")
    for place in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: place) }
    return String(digits)
  }

  /// A bar of eighths of a column.
  static func bar(_ share: Double, width: Int) -> String {
    let eighths = Int((min(1, max(0, share)) * Double(width * 8)).rounded())
    let last = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
    return String(repeating: "█", count: eighths / 8) + last
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
