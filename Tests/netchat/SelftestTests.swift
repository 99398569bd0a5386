import OpenSSL
import Testing

@testable import netchat

/// That selftest's checks can fail: each is run on something that is wrong.
@Suite("selftest's checks")
struct SelftestTests {
  @Test(
    "each known answer fails once a digit of it is another", arguments: KnownAnswers.all.indices)
  func wrongAnswer(index: Int) throws {
    var known = KnownAnswers.all[index]
    try SelftestCheck.answer(known).run()
    var digits = Array(known.answer)
    digits[digits.count - 1] = digits.last == "0" ? "1" : "0"
    known.answer = String(digits)
    #expect(throws: SelftestCheck.Failure.self) { try SelftestCheck.answer(known).run() }
  }

  @Test("a good packet among the bad ones is told of, and a bad one among the good ones")
  func wrongPackets() throws {
    try ReaderChecks.run()
    for line in ReaderChecks.good {
      #expect(throws: SelftestCheck.Failure("taken: \(line)")) {
        try ReaderChecks.run(bad: [line])
      }
    }
    for line in ReaderChecks.bad {
      #expect(throws: SelftestCheck.Failure("refused: \(line)")) {
        try ReaderChecks.run(good: [line])
      }
    }
  }

  @Test("a room that lets in who should be refused is told of")
  func wrongRefusals() {
    let letIn = Visitor.Failure.unexpected("it was let in")
    #expect(throws: letIn) { try RoomChecks.wrongPassword(LoopbackRoom.password) }
    #expect(throws: letIn) { try RoomChecks.middle(isThere: false) }
  }

  @Test("a room that keeps too little for who comes back is told of")
  func wrongResume() {
    #expect(throws: Visitor.Failure.self) { try RoomChecks.resume(history: 1) }
  }

  @Test("two clocks are the same within what the line allows, and far apart is wrong")
  func clocks() {
    #expect(
      Diagnosis.finding(of: 1_000_010, from: 1_000_000, to: 1_000_020)
        == .holds("the same as here, within 11 ms"))
    #expect(
      Diagnosis.finding(of: 1_002_010, from: 1_000_000, to: 1_000_020)
        == .holds("the host's is 2.0 s ahead of this one's, within 11 ms"))
    #expect(
      Diagnosis.finding(of: 940_010, from: 1_000_000, to: 1_000_020)
        == .fails(
          SelftestCheck.Failure(
            "the host's is 60 s behind this one's, within 11 ms",
            hint: "set both by NTP (timedatectl): certificates and the times shown depend on them")
        ))
    #expect(
      Diagnosis.finding(of: nil, from: 0, to: 0)
        == .open(reason: "the host says no time", hint: nil))
  }

  @Test("chats are counted wherever the stream is cut, and nothing else is")
  func counting() {
    let stream = Array(
      """
      e":"chat"}
      {"type":"chat","encrypted":false,"from":"a","text":"{\\"type\\":\\"chat\\""}
      {"type":"count","total":2}
      {"type":"chatter"}

      {"type":"chat","text":"x"}
      {"type":"chat"
      """.utf8)
    for cut in 0...stream.count {
      var heard = HeardChats()
      let (first, second) = (Array(stream[..<cut]), Array(stream[cut...]))
      #expect(heard.add(first.span) + heard.add(second.span) == 2)
    }
  }

  @Test(
    "figures are short",
    arguments: [
      (0.0, "0 ns"), (95, "95 ns"), (999.6, "1.0 µs"), (1_240, "1.2 µs"), (9_960, "10 µs"),
      (870_400, "870 µs"), (12_000_000, "12 ms"), (1_240_000_000, "1.2 s"), (61e9, "61 s"),
    ])
  func times(nanoseconds: Double, words: String) { #expect(BenchTable.time(nanoseconds) == words) }

  @Test("numbers have commas, bars have eighths")
  func columns() {
    #expect(
      [0, 999, 1_000, 1_234_567].map { BenchTable.grouped($0) } == [
        "0", "999", "1,000", "1,234,567",
      ])
    #expect(
      [0, 0.5, 0.56, 1, 7].map { BenchTable.bar($0, width: 2) } == ["", "█", "█▏", "██", "██"])
    #expect(FanoutBench.steps(to: 500) == [10, 100, 500])
    #expect(FanoutBench.steps(to: 10) == [10])
    #expect(FanoutBench.steps(to: 1) == [1])
  }

  private func task(_ line: String) throws -> SelftestArguments.Task {
    guard case .selftest(let arguments) = try parse(line) else { throw UsageError("not selftest") }
    return arguments.task
  }

  @Test("the command line says what to do, and what does not fit together is refused")
  func commandLine() throws {
    #expect(try task("selftest") == .check)
    #expect(
      try task("selftest example.org")
        == .diagnose(
          host: "example.org", port: 12345, passwordFile: nil))
    #expect(
      try task("selftest [::1]:4000 --password-file p")
        == .diagnose(
          host: "::1", port: 4000, passwordFile: "p"))
    #expect(
      try task("selftest --bench")
        == .bench(
          clients: 500, seconds: .seconds(3), isSecure: false))
    #expect(
      try task("selftest --bench --clients 7 --seconds 0.5 --secure")
        == .bench(
          clients: 7, seconds: .milliseconds(500), isSecure: true))
    #expect(try usageError("selftest --clients 7").message == "--clients needs --bench")
    #expect(try usageError("selftest --secure example.org").message == "--secure needs --bench")
    #expect(
      try usageError("selftest --bench example.org").message
        == "--bench measures rooms on this machine, not 'example.org'")
    #expect(
      try usageError("selftest --password-file p").message
        == "--password-file needs the host whose room has that password")
  }
}
