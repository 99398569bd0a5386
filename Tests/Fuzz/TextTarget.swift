import ChatCore

/// Text from outside on its way to a screen, names, and a text client's lines.
func examine(_ bytes: [UInt8]) throws {
  let text = String(decoding: bytes, as: UTF8.self)
  guard isInert(DisplayText.line(text)), !DisplayText.line(text).utf8.contains(0x0A) else {
    throw Broken("a line that steers")
  }
  let paragraph = DisplayText.paragraph(text)
  for line in paragraph.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).dropFirst()
  where !line.starts(with: "    ".utf8) {
    throw Broken("a line that passes for another")
  }
  guard isInert(paragraph) else { throw Broken("a paragraph that steers") }
  if let name = Name(text) { try look(at: name, text) }
  try Conversation.play(asTextClient(bytes))
}

private func look(at name: Name, _ text: String) throws {
  guard name.text.unicodeScalars.count <= Limits.nameLength, isInert(name.text),
    DisplayText.line(name.text) == name.text, !name.text.contains(":")
  else { throw Broken("a name that is none") }
  guard Name(name.text)?.folded == name.folded else { throw Broken("a name folds in two ways") }
  for suffix in [2, 10, 99_999] {
    let other = name.with(suffix: suffix)
    guard other.text.unicodeScalars.count <= Limits.nameLength, Name(other.text) != nil else {
      throw Broken("\(other.text) is no name")
    }
  }
}

/// A conversation of a text client and a member of version 2 who hears it.
private func asTextClient(_ bytes: [UInt8]) -> [UInt8] {
  var script = Array("+\n+\n0{\"type\":\"auth\",\"version\":2,\"name\":\"a\"}\n1hello\n".utf8)
  for line in bytes.split(separator: 0x0A) { script += [0x31] + line + [0x0A] }
  return script + Array("=1\n".utf8)
}
