import ChatClient
import ChatCore
import Sockets
import Terminal
import Testing

@Suite("messages at the prompt")
struct MessageViewTests {
  /// A view whose time zone is an hour ahead of UTC, and whose days are short: 100 s.
  private func view(_ change: (inout PromptSettings) -> Void = { _ in }) -> MessageView {
    var settings = PromptSettings()
    change(&settings)
    var view = MessageView(settings) { seconds in
      CalendarTime(
        year: 2026, month: 1, day: Int(seconds / 100) + 1, hour: 12, minute: Int(seconds % 100),
        second: 7)
    }
    view.ownName = "alice"
    return view
  }

  private func packet(_ json: String) throws -> HostPacket { try HostPacket(Array(json.utf8).span) }

  private func lines(_ view: inout MessageView, _ json: String, at now: Int64 = 0) throws
    -> [String]
  {
    view.lines(for: try packet(json), at: now).map(\.plain)
  }

  @Test("without times the lines are the transcript's")
  func plain() throws {
    var view = view()
    for json in [
      #"{"type":"chat","from":"bob","text":"hi alice"}"#,
      #"{"type":"chat","from":"bob","to":"alice","text":"hi"}"#,
      #"{"type":"chat","from":"\u001b[2J","text":"\u0007\u202e\r"}"#,
      #"{"type":"system","event":"join","name":"bob","text":"bob joined from 127.0.0.1:1"}"#,
      #"{"type":"count","total":2}"#,
      #"{"type":"members","total":2,"names":["alice","bob"]}"#,
      #"{"type":"error","code":"x","reason":"No."}"#,
    ] {
      #expect(try lines(&view, json) == [Transcript.line(for: packet(json))])
    }
  }

  @Test("further lines are indented, and none passes for another speaker's")
  func paragraphs() throws {
    var view = view()
    #expect(
      try lines(&view, #"{"type":"chat","from":"bob","text":"one\nserver: two\r\n\nthree"}"#)
        == ["bob: one", "    server: two␍", "    ", "    three"])
  }

  @Test("times stand at the left, a new day has a line of its own")
  func times() throws {
    var view = view { $0.timestamps = .short }
    let chat = { (time: Int64) in
      #"{"type":"chat","from":"bob","text":"hi\nyou","id":1,"time":\#(time)}"#
    }
    #expect(try lines(&view, chat(5_000), at: 6_000) == ["12:05 bob: hi", "          you"])
    #expect(
      try lines(&view, chat(100_000), at: 6_000)
        == ["--- 2026-01-02 ---", "12:00 bob: hi", "          you"])
    #expect(try lines(&view, chat(199_999)).count == 2)
    // What is older than today says so at once.
    view = self.view { $0.timestamps = .full }
    #expect(
      try lines(&view, chat(5_000), at: 300_000)
        == [
          "--- 2026-01-01 ---", "2026-01-01 12:05:07 bob: hi",
          String(repeating: " ", count: 24)
            + "you",
        ])
    #expect(view.lines(note: "x", at: 6_000).map(\.plain) == ["2026-01-01 12:06:07 ! x"])
  }

  @Test("joins can be left out, and with them the counts")
  func joins() throws {
    var view = view { $0.showsJoins = false }
    #expect(
      try lines(&view, #"{"type":"system","event":"join","name":"b","text":"b joined"}"#) == [])
    #expect(
      try lines(&view, #"{"type":"system","event":"leave","name":"b","text":"b left"}"#) == [])
    #expect(try lines(&view, #"{"type":"count","total":2}"#) == [])
    #expect(
      try lines(&view, #"{"type":"system","event":"kick","name":"b","text":"b was"}"#) == ["b was"])
  }

  @Test("colours: a name's is its own, one's own name is marked, the rest is as it is")
  func colors() throws {
    var view = view()
    let line = view.lines(
      for: try packet(#"{"type":"chat","from":"bob","text":"hi Alice"}"#), at: 0)[0]
    let text = line.text(isColored: true)
    #expect(text.hasSuffix("mbob\u{1B}[0m: hi \u{1B}[7mAlice\u{1B}[0m"))
    #expect(line.text(isColored: false) == "bob: hi Alice")
    #expect(MessageView.style(of: "bob") == MessageView.style(of: "BOB"))
    // The same in each version: people know each other by it.
    #expect(text.hasPrefix("\u{1B}[95mbob"), "\(text.debugDescription)")
    let styles = (0..<200).map {
      StyledLine("x", MessageView.style(of: "name\($0)")).text(isColored: true)
    }
    #expect(Set(styles).count > 8)
  }

  @Test("the bell rings as it was asked to, and never for one's own words")
  func bell() throws {
    let own = try packet(#"{"type":"chat","from":"alice","text":"alice"}"#)
    let other = try packet(#"{"type":"chat","from":"bob","text":"hi"}"#)
    let mention = try packet(#"{"type":"chat","from":"bob","text":"hi alice"}"#)
    let direct = try packet(#"{"type":"chat","from":"bob","to":"alice","text":"hi"}"#)
    for (bell, rings) in [
      (PromptSettings.Bell.off, [false, false, false, false]),
      (.private, [false, false, false, true]), (.mention, [false, false, true, true]),
      (.all, [false, true, true, true]),
    ] {
      let view = view { $0.bell = bell }
      #expect([own, other, mention, direct].map { view.rings(for: $0) } == rings)
    }
  }
}

@Suite("rows of a line")
struct StyledLineTests {
  /// As terminals have it, for what is used here.
  private func width(_ scalar: UInt32) -> Int {
    scalar == 0x301 ? 0 : scalar > 0x2E80 ? 2 : 1
  }

  private func rows(_ text: String, _ columns: Int, indent: Int = 4) -> [String] {
    StyledLine(text).wrapped(to: columns, indent: indent, width: width).map(\.plain)
  }

  @Test("a long line breaks at blanks, and its rows are indented")
  func wraps() {
    #expect(rows("short", 20) == ["short"])
    #expect(rows("exactly twenty chars", 20) == ["exactly twenty chars"])
    #expect(rows("exactly twenty charsx", 20) == ["exactly twenty", "    charsx"])
    #expect(rows("exactly twenty chars x", 20) == ["exactly twenty chars", "    x"])
    #expect(rows(String(repeating: "x", count: 50), 20).map(\.count) == [20, 20, 18])
  }

  @Test("a wide character is not cut, a combining one stays with its own")
  func wide() {
    #expect(rows("日本語日本語日本語", 13) == ["日本語日本語", "    日本語"])
    let accents = String(repeating: "e\u{301}", count: 14)
    #expect(
      rows(accents, 12).map { $0.unicodeScalars.count { $0 == "\u{301}" } } == [12, 2])
  }

  @Test("nothing is lost and nothing is wider than the terminal, at any width")
  func whole() {
    let text = "a日本 e\u{301}語 the quick 😀😀😀 brown " + String(repeating: "宽x", count: 20)
    let letters = text.filter { $0 != " " }
    for columns in 1...80 {
      for indent in [4, 10, 24] {
        let rows = rows(text, columns, indent: indent)
        #expect(rows.joined().filter { $0 != " " } == letters)
        guard columns >= indent + 8 else { continue }
        for row in rows {
          #expect(row.unicodeScalars.reduce(0) { $0 + width($1.value) } <= columns)
        }
      }
    }
  }

  @Test("styles go over the rows, and an ellipsis stands for what is cut")
  func styles() {
    var line = StyledLine("bob", MessageView.style(of: "bob"))
    line.append(": a text")
    let cut = line.truncated(to: 8, width: width)
    #expect(cut.plain == "bob: a …")
    #expect(line.truncated(to: 11, width: width) == line)
    #expect(line.truncated(to: 0, width: width).plain == "")
    #expect(StyledLine("日本語").truncated(to: 4, width: width).plain == "日…")
  }
}

@Suite("the place of a line on a terminal")
struct PromptLayoutTests {
  private func row(_ text: String, _ cursor: Int, columns: Int, rows: Int = 24) -> Int {
    let size = PromptLayout.Size(columns: columns, rows: rows)
    let layout = PromptLayout(size, promptWidth: 2) { scalar in
      scalar == 0x301 ? 0 : scalar < 0x20 ? 2 : scalar > 0x2E80 ? 2 : 1
    }
    return layout.row(ofCursor: cursor, in: text.unicodeScalars.map(\.value))
  }

  @Test("the cursor's row, by columns")
  func rows() {
    let text = String(repeating: "x", count: 30)
    #expect(row(text, 0, columns: 10) == 0)
    #expect(row(text, 7, columns: 10) == 0)
    #expect(row(text, 8, columns: 10) == 1)
    #expect(row(text, 30, columns: 10) == 3)
    #expect(row(text, 30, columns: 10, rows: 2) == 1)
    #expect(row("a\nb\n", 4, columns: 10) == 2)
    // The wide one does not fit beside, and neither does the cursor on it.
    #expect(row("xxxxxxx日", 7, columns: 10) == 1)
    #expect(row("xxxxxxx日", 8, columns: 10) == 1)
    #expect(row("\t\t", 2, columns: 10) == 1)
    #expect(row(String(repeating: "e\u{301}", count: 8), 16, columns: 10) == 1)
    #expect(row("\u{1}\u{1}\u{1}\u{1}", 4, columns: 10) == 1)
  }

  @Test("a window of no size is taken as libedit takes it")
  func sizes() {
    let size = PromptLayout.Size(columns: 60, rows: 20)
    #expect(size.changed(columns: 0, rows: 0) == size)
    #expect(size.changed(columns: 1, rows: 5) == .init(columns: 80, rows: 5))
    #expect(size.changed(columns: 2, rows: 0) == .init(columns: 2, rows: 20))
    for columns in 1...3 {
      for cursor in 0...4 { #expect(row("日本語x", cursor, columns: max(2, columns)) >= 0) }
    }
  }
}

@Suite("what was shown")
struct KeptTranscriptTests {
  @Test("is kept up to a bound, and says that it is not whole")
  func bounded() {
    var transcript = KeptTranscript(longest: 3, largest: 1_000)
    #expect(transcript.isEmpty && transcript.text == "")
    for number in 1...3 { transcript.append("\(number)") }
    #expect(transcript.text == "1\n2\n3\n")
    for number in 4...50 { transcript.append("\(number)") }
    #expect(transcript.text == "[earlier lines are not kept]\n48\n49\n50\n")
    var large = KeptTranscript(longest: 100, largest: 10)
    large.append("12345")
    large.append("67890")
    #expect(large.text == "[earlier lines are not kept]\n67890\n")
    large.append(String(repeating: "x", count: 20))
    #expect(large.isEmpty)
  }
}

@Suite("who is there")
struct RosterTests {
  private func packet(_ json: String) throws -> HostPacket { try HostPacket(Array(json.utf8).span) }

  @Test("follows who comes, speaks, takes another name and goes")
  func follows() throws {
    var roster = Roster()
    for json in [
      #"{"type":"members","total":3,"names":["a","b","c"]}"#,
      #"{"type":"system","event":"join","name":"d","text":"d joined"}"#,
      #"{"type":"chat","from":"b","text":"hi"}"#,
      #"{"type":"system","event":"rename","name":"a","to":"z","text":"a is z"}"#,
      #"{"type":"system","event":"leave","name":"c","text":"c left"}"#,
    ] { roster.note(try packet(json)) }
    #expect(roster.names == ["z", "b", "d"])
    roster.note(try packet(#"{"type":"members","total":1,"names":["b","e"]}"#))
    #expect(roster.names == ["b", "e"])
  }

  @Test("is bounded")
  func bounded() throws {
    var roster = Roster()
    for number in 1...1_500 {
      roster.note(try packet(#"{"type":"chat","from":"n\#(number)","text":"hi"}"#))
    }
    #expect(roster.names.count == 1_000 && roster.names.first == "n1500")
  }
}
