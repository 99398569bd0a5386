/// The software's name and version, as `hello` gives it.
package enum Software {
  package static let version = "1.0.0"
  package static let name = "netchat/\(version)"
}

extension PacketWriter {
  /// The `hello` of a room (PROTOCOL.md, section 3).
  package static func hello(_ room: Room.Settings) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("hello")
    writer.key(",\"secure\":")
    writer.bool(room.keys != nil)
    writer.key(",\"version\":2,\"software\":")
    writer.string(Software.name)
    writer.key(",\"room\":")
    writer.string(room.id)
    if let keys = room.keys {
      writer.key(",\"auth\":[\"spake2plus\"")
      if keys.versionOne != nil { writer.key(",\"password\"") }
      writer.key("],\"salt\":")
      writer.escaped(Base64.encode(keys.salt))
    }
    writer.end()
    return writer.bytes
  }

  /// What a host with TLS says in clear to a client that does not speak it (section 2).
  package static func requiresTLS(isSecure: Bool) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("hello")
    writer.key(",\"secure\":")
    writer.bool(isSecure)
    writer.key(",\"tls\":\"required\",\"version\":2")
    writer.end()
    return writer.bytes
  }
}
