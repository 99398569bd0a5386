import Foundation
import Glibc
import Testing

/// How much the prompt does when much comes, and when nothing does.
@Suite("pace of the prompt")
struct PromptPaceTests {
  @Test("20,000 messages at once are all in the scrollback, drawn at most 60 times a second")
  func flood() throws {
    try Scene.atPrompt(isRecorded: true) { screen, bob, _ in
      let count = 20_000
      try screen.type("half a line")
      try screen.wait(forLine: "half a line", columns: 60)
      let before = drawings(screen)
      let start = ContinuousClock.now
      let lines = (1...count).map { "{\"type\":\"chat\",\"text\":\"number \($0)\"}\n" }
      try bob.send(lines.joined())
      try screen.wait(for: "the last message", within: .seconds(60)) { picture in
        picture.row > 0 && picture.rows[picture.row - 1] == "bob: number \(count)"
          && picture.rows[picture.row] == "> half a line"
      }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      #expect(drawings(screen) - before <= Int(60 * seconds) + 2)
      let shown = try screen.scrollback().filter { $0.hasPrefix("bob: ") }
      #expect(shown == (1...count).map { "bob: number \($0)" })
      #expect(try screen.scrollback().count { $0.hasPrefix("> ") } == 1)
    }
  }

  /// How often the prompt has been taken off the terminal, to print above it.
  private func drawings(_ screen: TerminalScreen) -> Int {
    String(decoding: screen.bytes(), as: UTF8.self).components(separatedBy: "\u{1B}[J").count - 1
  }

  @Test("while nothing happens it does nothing: no time of the processor, no tick of a timer")
  func idle() throws {
    try Scene.atPrompt { screen, bob, _ in
      try screen.enter("hello")
      try screen.wait(forLine: "", below: "alice: hello", columns: 60)
      try bob.say("hello")
      try screen.wait(forLine: "", below: "bob: hello", columns: 60)
      // What it has still to do, with the farewell of the last drawing.
      usleep(300_000)
      let program = try screen.processID()
      let before = try activity(of: program)
      sleep(3)
      #expect(try activity(of: program) == before)
    }
  }

  /// The clock ticks that a process has used, and how often it has waited for something.
  private func activity(of process: pid_t) throws -> [String] {
    let times = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
      .split(separator: ")").last?.split(separator: " ")[11...12].map(String.init)
    let switches = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
      .split(separator: "\n").filter { $0.hasPrefix("voluntary_ctxt_switches") }.map(String.init)
    return (times ?? []) + switches
  }
}
