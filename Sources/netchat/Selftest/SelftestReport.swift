import ChatCore
import Glibc
import Sockets

/// Shows what selftest finds, as it finds it: a line a check, with a bar of what is done at the
/// bottom of a terminal; or a packet a check for programs.
struct SelftestReport {
  enum Finding: Equatable {
    /// It holds; what was found, where there is more to say.
    case holds(String?)
    case fails(SelftestCheck.Failure)
    /// It was not looked at, and what it takes.
    case open(reason: String, hint: String?)
  }

  private let format: OutputFormat
  /// How many checks there will be, for the bar; nil for no bar.
  private let total: Int?
  /// Whether there is a terminal with a cursor to move.
  private let isTerminal: Bool
  private let isColored: Bool
  private let start = Clock.monotonic()
  private var checkStart: UInt64 = 0
  private var done = 0
  private(set) var failed = 0
  /// Whether standard output takes no more.
  private var isGone = false

  init(_ format: OutputFormat, total: Int? = nil) {
    self.format = format
    self.total = total
    isTerminal =
      format == .text && Sockets.isTerminal(STDOUT_FILENO)
      && Machine.environment("TERM").map { $0 != "dumb" } ?? false
    isColored = isTerminal && Machine.environment("NO_COLOR") == nil
  }

  /// A check begins.
  mutating func begin(_ name: String) {
    checkStart = Clock.monotonic()
    guard isTerminal else { return }
    var bar = ""
    if let total, total > 0 {
      let full = done * Self.barWidth / total
      bar =
        String(repeating: "█", count: full)
        + String(repeating: "░", count: Self.barWidth - full) + " \(done) of \(total)  "
    }
    write(bar + name)
  }

  private static let barWidth = 20

  /// The check has ended.
  mutating func end(_ name: String, _ finding: Finding) {
    let time = Clock.monotonic() - checkStart
    done += 1
    if case .fails = finding { failed += 1 }
    guard format == .text else { return write(Self.packet(name, finding, time)) }
    if isTerminal { write("\r\u{1B}[K") }
    write(lines(name, finding, time))
  }

  private func lines(_ name: String, _ finding: Finding, _ time: UInt64) -> String {
    let (mark, color, detail, more): (String, String, String?, [String?]) =
      switch finding {
      case .holds(let detail): ("✓", "32", detail, [])
      case .fails(let failure): ("✗", "31", nil, [failure.reason, failure.hint])
      case .open(let reason, let hint): ("-", "33", reason, [hint])
      }
    let text = Diagnostics.oneLine(detail.map { "\(name): \($0)" } ?? name)
    let duration = BenchTable.time(Double(time))
    let gap = max(2, Self.width - 2 - text.count - duration.count)
    let marked = isColored ? "\u{1B}[\(color)m\(mark)\u{1B}[m" : mark
    let first = "\(marked) \(text)\(String(repeating: " ", count: gap))\(duration)\n"
    return more.compactMap(\.self).reduce(first) { $0 + "    \(Diagnostics.oneLine($1))\n" }
  }

  /// Columns of a line with nothing long in it.
  private static let width = 76

  private static func packet(_ name: String, _ finding: Finding, _ time: UInt64) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("check")
    writer.key(",\"name\":")
    writer.string(name)
    writer.key(",\"result\":")
    var (reason, hint): (String?, String?) = (nil, nil)
    switch finding {
    case .holds(let detail):
      writer.string("holds")
      reason = detail
    case .fails(let failure):
      writer.string("fails")
      (reason, hint) = (failure.reason, failure.hint)
    case .open(let words, let advice):
      writer.string("open")
      (reason, hint) = (words, advice)
    }
    if let reason {
      writer.key(",\"text\":")
      writer.string(reason)
    }
    if let hint {
      writer.key(",\"hint\":")
      writer.string(hint)
    }
    writer.key(",\"time_us\":")
    writer.integer(Int64(time / 1_000))
    writer.end()
    return writer.bytes
  }

  /// Sums up.
  /// - Returns: the status to end with.
  mutating func finish() -> ExitStatus {
    let time = Clock.monotonic() - start
    if format == .json {
      var writer = PacketWriter()
      writer.begin("summary")
      writer.key(",\"checks\":")
      writer.integer(Int64(done))
      writer.key(",\"failed\":")
      writer.integer(Int64(failed))
      writer.key(",\"time_us\":")
      writer.integer(Int64(time / 1_000))
      writer.end()
      write(writer.bytes)
    } else {
      let words =
        failed == 0
        ? "Nothing is wrong: \(done) checks" : "\(failed) of \(done) checks failed"
      write("\(words), \(BenchTable.time(Double(time))).\n")
    }
    return failed == 0 && !isGone ? .success : .failure
  }

  private mutating func write(_ text: String) {
    if !Diagnostics.write(text, to: STDOUT_FILENO) { isGone = true }
  }

  private mutating func write(_ bytes: [UInt8]) { write(String(decoding: bytes, as: UTF8.self)) }
}
