import ChatCore

/// One line as a packet, of either side: the first bytes that a stranger sends.
func examine(_ bytes: [UInt8]) throws {
  try readAsClients(bytes.span)
  try readAsHosts(bytes.span)
  _ = try? InputPacket(String(decoding: bytes, as: UTF8.self))
  try readInPieces(bytes)
}

private func readAsClients(_ line: Span<UInt8>) throws {
  guard let packet = try? ClientPacket(line) else { return }
  switch packet {
  case .chat(let chat):
    switch chat.body {
    case .text(let string), .payload(let string): try undo(string, in: line)
    }
    if let name = chat.to { try undo(name, in: line) }
  case .auth(let auth):
    for string in [auth.name, auth.room, auth.token, auth.method, auth.share, auth.password] {
      if let string { try undo(string, in: line) }
    }
  case .nick(let name): try undo(name, in: line)
  case .authConfirm(let confirm): try undo(confirm, in: line)
  case .who, .ping, .pong, .bye, .other: break
  }
}

/// What a string says is UTF-8, and said again it is the same, no longer than it came.
private func undo(_ string: JSONString, in line: Span<UInt8>) throws {
  let text = JSONText.unescapedBytes(string, in: line)
  guard String(validating: text, as: UTF8.self) != nil else { throw Broken("not UTF-8") }
  var escaped = Array("{\"type\":\"nick\",\"name\":\"".utf8)
  let start = escaped.count
  JSONText.appendEscaped(text.span, to: &escaped)
  guard escaped.count - start <= string.range.count else { throw Broken("grew by escaping") }
  escaped += Array("\"}".utf8)
  guard case .nick(let again)? = try? ClientPacket(escaped.span),
    JSONText.unescapedBytes(again, in: escaped.span) == text
  else { throw Broken("not the same when said again") }
  if JSONText.isBlank(string, in: line) {
    guard JSONText.text(string, in: line).allSatisfy(\.isWhitespace) else {
      throw Broken("not blank")
    }
  }
  if let decoded = Base64.decode(text.span), Base64.encode(decoded) != text {
    throw Broken("base64 with two forms")
  }
}

private func readAsHosts(_ line: Span<UInt8>) throws {
  guard let packet = try? HostPacket(line) else { return }
  if let shown = Transcript.line(for: packet), !isInert(shown) { throw Broken("steers a terminal") }
  guard try HostPacket(DisplayText.escapedJSON(line).span) == packet else {
    throw Broken("not the same when made inert")
  }
}

/// A stream is the same lines wherever it is cut.
private func readInPieces(_ bytes: [UInt8]) throws {
  let whole = lines(bytes, piece: bytes.count + 1)
  for piece in [1, 3, 7] where lines(bytes, piece: piece) != whole {
    throw Broken("other lines in pieces of \(piece)")
  }
}

private func lines(_ bytes: [UInt8], piece: Int) -> [[UInt8]] {
  var reader = LineReader(limit: 20)
  var found: [[UInt8]] = []
  var place = 0
  while place < bytes.count {
    let input = bytes.span.extracting(place..<min(place + piece, bytes.count))
    place += input.count
    var start = 0
    while start < input.count {
      switch reader.next(in: input, from: &start) {
      case .line(let range): found.append(range.map { input[$0] })
      case .joined: found.append(reader.takeJoined())
      case .needsMore: break
      // Ends the connection.
      case .tooLong: return found
      }
    }
  }
  return found
}
