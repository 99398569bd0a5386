/// The keys of packets that mean something in this protocol; others are checked and ignored.
package enum Key: Int, CaseIterable, Sendable {
  case type, encrypted, text, sid, n, to, payload, from, id, time
  case version, name, history, room, since, token
  case secure, software, auth, salt, tls
  case ok, clientName, total, gap, reason, event, names, code
  case method, share, confirm, password

  package var text: String { self == .clientName ? "client_name" : "\(self)" }

  /// The key of this name, its escapes undone; nil if it is none of these.
  static func named(_ name: JSONString, in line: Span<UInt8>) -> Key? {
    if name.hasEscapes {
      let bytes = JSONText.unescapedBytes(name, in: line)
      return named(bytes.span)
    }
    return named(line.extracting(name.range))
  }

  private static func named(_ name: Span<UInt8>) -> Key? {
    // Told by length first, then by bytes: a hash would cost more than the few comparisons.
    switch name.count {
    case 1:
      if name.starts(with: "n") { return .n }
    case 2:
      if name.starts(with: "to") { return .to }
      if name.starts(with: "id") { return .id }
      if name.starts(with: "ok") { return .ok }
    case 3:
      if name.starts(with: "sid") { return .sid }
      if name.starts(with: "tls") { return .tls }
      if name.starts(with: "gap") { return .gap }
    case 4:
      if name.starts(with: "type") { return .type }
      if name.starts(with: "text") { return .text }
      if name.starts(with: "from") { return .from }
      if name.starts(with: "time") { return .time }
      if name.starts(with: "name") { return .name }
      if name.starts(with: "room") { return .room }
      if name.starts(with: "auth") { return .auth }
      if name.starts(with: "salt") { return .salt }
      if name.starts(with: "code") { return .code }
    case 5:
      if name.starts(with: "since") { return .since }
      if name.starts(with: "token") { return .token }
      if name.starts(with: "total") { return .total }
      if name.starts(with: "event") { return .event }
      if name.starts(with: "names") { return .names }
      if name.starts(with: "share") { return .share }
    case 6:
      if name.starts(with: "secure") { return .secure }
      if name.starts(with: "reason") { return .reason }
      if name.starts(with: "method") { return .method }
    case 7:
      if name.starts(with: "payload") { return .payload }
      if name.starts(with: "version") { return .version }
      if name.starts(with: "history") { return .history }
      if name.starts(with: "confirm") { return .confirm }
    case 8:
      if name.starts(with: "software") { return .software }
      if name.starts(with: "password") { return .password }
    case 9:
      if name.starts(with: "encrypted") { return .encrypted }
    case 11:
      if name.starts(with: "client_name") { return .clientName }
    default: break
    }
    return nil
  }
}
