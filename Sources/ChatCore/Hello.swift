/// The software's name and version, as `hello` gives it.
package enum Software {
  package static let version = "1.0.0"
  package static let name = "netchat/\(version)"
}

extension PacketWriter {
  /// The `hello` of a room without password (PROTOCOL.md, section 3).
  package static func hello(room: String) -> [UInt8] {
    var writer = PacketWriter()
    writer.begin("hello")
    writer.key(",\"secure\":false,\"version\":2,\"software\":")
    writer.string(Software.name)
    writer.key(",\"room\":")
    writer.string(room)
    writer.end()
    return writer.bytes
  }
}
