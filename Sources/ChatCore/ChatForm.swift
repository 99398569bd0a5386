/// How a client's last message was written, so that one written alike is read at a fraction of the cost.
///
/// A program writes its messages all alike: they differ in their text and their number alone. Around
/// those a line that has the very bytes of one that was read before means what that one meant, and
/// need not be read again; whatever else is different in it, this reads nothing.
struct ChatForm: Sendable {
  /// All up to the text or the payload, its quotation mark included.
  private var head: [UInt8] = []
  /// All behind it, up to the digits of `n`, or to the line's end where there are none.
  private var tail: [UInt8] = []
  private var isSealed = false
  private var sid: SenderID?

  /// Learns how a message to everybody was written. One that is of no common form teaches nothing.
  /// - Parameter chat: what was read from the line.
  mutating func learn(_ line: Span<UInt8>, _ chat: ClientPacket.Chat) {
    let (body, isSealed) =
      switch chat.body {
      case .text(let text): (text, false)
      case .payload(let payload): (payload, true)
      }
    let end = Int(body.end)
    guard chat.to == nil, !body.hasEscapes, Int(body.start) + line.count - end <= Limits.chatForm
    else { return }
    let digits: Int
    if let number = chat.number {
      guard let found = Self.digits(of: number.n, in: line), found > end else { return }
      digits = found
    } else {
      digits = line.count
    }
    // All at once, for a part of what is learnt here would belong to another form.
    self.isSealed = isSealed
    sid = chat.number?.sid
    head.removeAll(keepingCapacity: true)
    head.append(line.extracting(first: Int(body.start)))
    tail.removeAll(keepingCapacity: true)
    tail.append(line.extracting(end..<digits))
  }

  /// Where the digits of `n` begin, if they are the last of the line's values: `,"n":17}`. A comma
  /// and a quotation mark stand so only where a key begins.
  private static func digits(of n: Int64, in line: Span<UInt8>) -> Int? {
    let key: StaticString = ",\"n\":"
    guard line.count > 0, line[line.count - 1] == UInt8(ascii: "}") else { return nil }
    var start = line.count - 1
    while start > 0, decimalDigit(line[start - 1]) != nil { start -= 1 }
    let keyStart = start - key.utf8CodeUnitCount
    guard keyStart >= 0, line.extracting(droppingFirst: keyStart).starts(with: key),
      number(in: line, from: start) == n
    else { return nil }
    return start
  }

  /// Reads the digits from `start` to a `}` that ends the line; nil if there is anything else.
  private static func number(in line: Span<UInt8>, from start: Int) -> Int64? {
    let count = line.count - 1 - start
    // 2^53 - 1, the largest, has 16 digits.
    guard 1...16 ~= count, line[start] != UInt8(ascii: "0"),
      line[line.count - 1] == UInt8(ascii: "}")
    else { return nil }
    var value: Int64 = 0
    for index in start..<start + count {
      guard let digit = decimalDigit(line[index]) else { return nil }
      value = value * 10 + Int64(digit)
    }
    return value <= Limits.largestInteger ? value : nil
  }

  /// Reads a message that is written as the last one was; nil for any other line.
  func read(_ line: Span<UInt8>) -> ClientPacket.Chat? {
    guard !head.isEmpty, line.starts(with: head.span) else { return nil }
    let end = line.endOfPlainText(from: head.count)
    let rest = line.extracting(droppingFirst: end)
    // The tail begins with the quotation mark.
    guard rest.starts(with: tail.span) else { return nil }
    let body = JSONString(start: Int32(head.count), end: Int32(end), hasEscapes: false)
    var number: MessageNumber?
    if let sid {
      guard let n = Self.number(in: rest, from: tail.count) else { return nil }
      number = MessageNumber(sid: sid, n: n)
    } else {
      guard rest.count == tail.count else { return nil }
    }
    return ClientPacket.Chat(
      body: isSealed ? .payload(body) : .text(body), to: nil, number: number)
  }
}
