import ChatCore

/// What a host tells other programs on a screen that shows packets: objects of the type `host`.
enum HostEvent {
  /// What has become of a connection.
  static func packet(for news: HostSession.News, of address: String, at now: Moment) -> [UInt8] {
    var writer = PacketWriter()
    func begin(_ event: StaticString, name: String?, reason: String?) {
      writer.begin("host")
      writer.key(",\"event\":\"")
      writer.key(event)
      writer.key("\",\"address\":")
      writer.string(address)
      if let name {
        writer.key(",\"name\":")
        writer.string(name)
      }
      if let reason {
        writer.key(",\"reason\":")
        writer.string(reason)
      }
    }
    switch news {
    case .admitted(let name): begin("admitted", name: name, reason: nil)
    case .refused(let refusal): begin("refused", name: nil, reason: refusal.reason)
    case .unproven:
      begin("refused", name: nil, reason: "It did not prove that it knows the password.")
    case .rejected(let reason, let name): begin("closed", name: name, reason: reason)
    case .ended(let farewell, let name):
      begin("closed", name: name, reason: farewell.reason)
      writer.key(",\"code\":")
      writer.string(farewell.code)
    }
    writer.key(",\"time\":")
    writer.integer(now.unixMilliseconds)
    writer.end()
    return writer.bytes
  }

  /// So many connections were turned away, because so many wait for admission already.
  static func packet(turnedAway count: Int, at now: Moment) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("host")
    writer.key(",\"event\":\"turned_away\",\"count\":")
    writer.integer(Int64(count))
    writer.key(",\"time\":")
    writer.integer(now.unixMilliseconds)
    writer.end()
    return writer.bytes
  }

  /// A line for people.
  static func packet(note event: StaticString, _ text: String) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("host")
    writer.key(",\"event\":\"")
    writer.key(event)
    writer.key("\",\"text\":")
    writer.string(text)
    writer.end()
    return writer.bytes
  }
}
