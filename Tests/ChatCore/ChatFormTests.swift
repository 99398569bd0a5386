import Testing

@testable import ChatCore

/// A message that is written as the one before it reads the same by its form as by itself.
@Suite("the form of a message")
struct ChatFormTests {
  /// What a line says, read as any packet is; nil for one that is no message.
  private func reading(_ line: [UInt8]) -> ClientPacket.Chat? {
    guard case .chat(let chat) = try? ClientPacket(line.span) else { return nil }
    return chat
  }

  private func expectSame(
    _ chat: ClientPacket.Chat?, as other: ClientPacket.Chat?, _ comment: Comment,
    at location: SourceLocation = #_sourceLocation
  ) {
    func facts(_ chat: ClientPacket.Chat) -> (Bool, JSONString) {
      switch chat.body {
      case .text(let text): (false, text)
      case .payload(let payload): (true, payload)
      }
    }
    guard let chat, let other else {
      Issue.record("one of the two is no message: \(comment)", sourceLocation: location)
      return
    }
    #expect(facts(chat) == facts(other), comment, sourceLocation: location)
    #expect(chat.to == other.to, comment, sourceLocation: location)
    #expect(chat.number == other.number, comment, sourceLocation: location)
  }

  private static let sid = "AAAAAAAAAAAAAAAA"

  @Test(
    "is learnt from what programs write, and the next message is read by it",
    arguments: [
      (#"{"type":"chat","encrypted":false,"text":"a"}"#, #""a""#, #""another text""#),
      (#"{"type":"chat","text":"a"}"#, #""a""#, #""""#),
      (#"{ "text" : "a" , "type" : "chat" }"#, #""a""#, #""with, \u007B: commas""#),
      (#"{"type":"chat","text":"a","sid":"\#(sid)","n":9}"#, #""a""#, #""b""#),
      (#"{"type":"chat","text":"a","sid":"\#(sid)","n":9}"#, "9}", "10}"),
      (#"{"type":"chat","text":"a","sid":"\#(sid)","n":9}"#, "9}", "9007199254740991}"),
      (#"{"sid":"\#(sid)","type":"chat","text":"a","n":1}"#, "1}", "2}"),
      (
        #"{"type":"chat","encrypted":true,"payload":"QUJD","sid":"\#(sid)","n":1}"#, "QUJD",
        "QUJDREVG"
      ),
    ])
  func learns(line: String, part: String, other: String) {
    var form = ChatForm()
    let first = Array(line.utf8)
    guard let chat = reading(first) else {
      Issue.record("the first is no message")
      return
    }
    form.learn(first.span, chat)
    expectSame(form.read(first.span), as: chat, "itself")
    let second = Array(line.replacingOccurrences(of: part, with: other).utf8)
    // Escapes are not for it, and are read as ever.
    guard !other.contains("\\") else {
      #expect(form.read(second.span) == nil)
      return
    }
    expectSame(form.read(second.span), as: reading(second), "\(other)")
  }

  @Test(
    "is not learnt where another value than the text and n may differ",
    arguments: [
      #"{"type":"chat","text":"a","to":"bob"}"#,
      #"{"type":"chat","text":"\n"}"#,
      #"{"type":"chat","n":1,"text":"a","sid":"\#(sid)"}"#,
      #"{"type":"chat","text":"a","sid":"\#(sid)","n":1 }"#,
      #"{"type":"chat","text":"a","sid":"\#(sid)","n": 1}"#,
      #"{"type":"chat","text":"a","sid":"\#(sid)","n":1,"x\"n":1}"#,
      #"{"type":"chat","text":"a","sid":"\#(sid)","n":1,",\"n":1}"#,
      #"{"type":"chat","x":"\#(String(repeating: "x", count: 300))","text":"a"}"#,
    ])
  func teachesNothing(line: String) {
    var form = ChatForm()
    let bytes = Array(line.utf8)
    guard let chat = reading(bytes) else {
      Issue.record("this is no message")
      return
    }
    form.learn(bytes.span, chat)
    #expect(form.read(bytes.span) == nil)
  }

  /// Changes a line somewhere, by what may stand in one.
  private func mutate(_ line: [UInt8], _ random: inout Seeded) -> [UInt8] {
    let pieces = [
      "\"", "\\", "}", "{", ",", ":", "0", "1", "99999999999999999", "-1", "1.0", "1e3", " ",
      "\u{7F}", "\u{1}", "é", "\\u0041", "\\\"", ",\"n\":", "\"n\":2}", ",\"to\":\"bob\"", "text",
      "\"text\":\"b\"", ",\"encrypted\":true", "null", "\r", "AAAAAAAAAAAAAAAAA",
    ]
    var line = line
    for _ in 0..<Int.random(in: 1...2, using: &random) {
      let start = Int.random(in: 0...line.count, using: &random)
      let end = min(line.count, start + Int.random(in: 0...3, using: &random))
      line.replaceSubrange(
        start..<end, with: Array(pieces[Int.random(in: 0...pieces.count - 1, using: &random)].utf8))
    }
    return line
  }

  @Test("whatever it reads, it reads as the reader does: seeded changes of messages")
  func property() {
    let lines = [
      #"{"type":"chat","encrypted":false,"text":"hello"}"#,
      #"{"type":"chat","text":"hello","sid":"\#(Self.sid)","n":41}"#,
      #"{"n":4,"type":"chat","text":"hello","sid":"\#(Self.sid)"}"#,
      #"{"type":"chat","encrypted":true,"payload":"QUJD","sid":"\#(Self.sid)","n":7}"#,
      #"{"x":",\"n\":1}","type":"chat","text":"hello"}"#,
    ].map { Array($0.utf8) }
    var random = Seeded(20)
    var form = ChatForm()
    var byForm = 0
    for round in 0..<60_000 {
      // What was learnt may itself be changed, and what is read may be of another form.
      let base = lines[Int.random(in: 0...lines.count - 1, using: &random)]
      let line = Int.random(in: 0...2, using: &random) == 0 ? base : mutate(base, &random)
      let chat = reading(line)
      if let found = form.read(line.span) {
        byForm += 1
        expectSame(found, as: chat, "\(round): \(String(decoding: line, as: UTF8.self))")
      }
      if let chat { form.learn(line.span, chat) }
    }
    #expect(byForm > 2_000)
  }
}
