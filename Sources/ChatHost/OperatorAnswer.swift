import ChatCore
import Sockets

/// What a host answers its operator.
package enum OperatorAnswer: Sendable {
  /// A member as `/who` shows it.
  package struct Member: Sendable {
    let description: Room.MemberDescription
    /// Nil where its connection is lost, or its worker did not answer in time.
    let facts: Survey.Facts?
  }

  case done(String)
  case failed(String)
  case help([String])
  case members([Member])
  case bans([String])
  case limits([(name: String, words: String, value: Int64)])
  case figures(Figures)
  /// Where the metrics are.
  case metrics(String)

  // MARK: For people

  /// Lines that are fit to be shown.
  package var lines: [String] {
    switch self {
    case .done(let text): [DisplayText.line(text)]
    case .failed(let text): [Transcript.error(text)]
    case .help(let lines): lines
    case .members(let members): Self.table(members)
    case .bans(let bans): ["Bans [\(bans.count)]:"] + bans.map { "  \($0)" }
    case .limits(let entries): Self.table(entries)
    case .figures(let figures): Self.table(figures.entries)
    case .metrics(let url): ["Metrics: \(url)"]
    }
  }

  private static func table(_ entries: [(name: String, words: String, value: Int64)]) -> [String] {
    let width = entries.map(\.words.count).max() ?? 0
    return entries.map { entry in
      "  \(padded(entry.words, to: width))  \(entry.value)"
    }
  }

  private static func table(_ members: [Member]) -> [String] {
    let rows = members.map { member in
      let since = Clock.local(unixSeconds: member.description.since / 1_000)
      return [
        DisplayText.line(member.description.name), DisplayText.line(member.description.address),
        "since \(since.date) \(since.time)", lag(of: member), transport(of: member),
        speech(of: member),
      ]
    }
    let widths = (0..<6).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return ["Members [\(members.count)]:"]
      + rows.map { row in
        let cells = zip(row, widths).map { padded($0, to: $1) }
        let line = "  " + cells.joined(separator: "  ")
        return String(line.prefix(line.count - line.reversed().prefix { $0 == " " }.count))
      }
  }

  private static func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: width - text.count)
  }

  private static func lag(of member: Member) -> String {
    guard member.description.connection != nil else { return "connection lost" }
    return member.facts.map { "\($0.lag) bytes behind" } ?? "no answer"
  }

  private static func transport(of member: Member) -> String {
    guard let facts = member.facts else { return "" }
    return facts.tlsVersion ?? "no TLS"
  }

  private static func speech(of member: Member) -> String {
    switch member.description.dialect {
    case .packets: "version 2"
    case .versionOne: "version 1"
    case .text: "text"
    }
  }

  // MARK: For programs

  /// The same as a packet of the host's own.
  package var event: [UInt8] {
    switch self {
    case .done(let text): return HostEvent.packet(note: "done", text)
    case .failed(let text): return HostEvent.packet(note: "failed", text)
    case .help(let lines): return HostEvent.packet(note: "help", lines.joined(separator: "\n"))
    case .members(let members): return Self.packet(members)
    case .bans(let bans):
      var writer = PacketWriter()
      writer.begin("host")
      writer.key(",\"event\":\"bans\",\"bans\":[")
      for (index, ban) in bans.enumerated() {
        if index > 0 { writer.key(",") }
        writer.string(ban)
      }
      writer.key("]")
      writer.end()
      return writer.bytes
    case .limits(let entries): return Self.packet("limits", entries)
    case .figures(let figures): return Self.packet("stats", figures.entries)
    case .metrics(let url): return HostEvent.packet(note: "metrics", url)
    }
  }

  private static func packet(
    _ event: StaticString, _ entries: [(name: String, words: String, value: Int64)]
  ) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("host")
    writer.key(",\"event\":\"")
    writer.key(event)
    writer.key("\"")
    for entry in entries {
      writer.key(",")
      writer.string(entry.name)
      writer.key(":")
      writer.integer(entry.value)
    }
    writer.end()
    return writer.bytes
  }

  private static func packet(_ members: [Member]) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("host")
    writer.key(",\"event\":\"members\",\"total\":")
    writer.integer(Int64(members.count))
    writer.key(",\"members\":[")
    for (index, member) in members.enumerated() {
      writer.key(index > 0 ? ",{\"name\":" : "{\"name\":")
      writer.string(member.description.name)
      writer.key(",\"address\":")
      writer.string(member.description.address)
      writer.key(",\"since\":")
      writer.integer(member.description.since)
      writer.key(",\"connected\":")
      writer.bool(member.description.connection != nil)
      if let facts = member.facts {
        writer.key(",\"lag\":")
        writer.integer(Int64(facts.lag))
        if let version = facts.tlsVersion {
          writer.key(",\"tls\":")
          writer.string(version)
        }
      }
      writer.key(",\"speaks\":")
      writer.string(speech(of: member))
      writer.key("}")
    }
    writer.key("]")
    writer.end()
    return writer.bytes
  }
}
