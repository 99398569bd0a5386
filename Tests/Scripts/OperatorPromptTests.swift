import ChatCore
import Foundation
import Glibc
import Sockets
import Testing

@testable import ChatHost

@Suite("the operator's prompt")
struct OperatorPromptTests {
  /// A host at a terminal, and its port.
  private func host(_ state: String) throws -> (PseudoTerminal, UInt16) {
    let terminal = try PseudoTerminal(
      ["host", "--port", "0", "--plain"],
      environment: ["XDG_STATE_HOME=\(state)", "TERM=xterm", "NO_COLOR=1"])
    let shown = try terminal.expect("Places: ")
    let match = try #require(shown.firstMatch(of: /Listening on 127\.0\.0\.1:([0-9]+)/))
    try terminal.expect("> ")
    return (terminal, try #require(UInt16(match.1)))
  }

  @Test("the room appears above the line; TAB completes commands and members; Ctrl-C closes")
  func conversation() throws {
    try Scene.play { scene in
      let (terminal, port) = try host(try scene.folder())
      terminal.type("half a li")
      try terminal.expect("half a li")
      let alice = try scene.connect(port)
      try alice.join("alice")
      // What was typed is drawn again below what came.
      let shown = try terminal.expect("+ Total connected clints: [1]")
      #expect(shown.contains("alice joined from \(alice.address)"))
      terminal.type("ne\r")
      try alice.expect("chat", "text", "half a line")
      terminal.type("/ki\tal\ttoo loud\r")
      #expect(try alice.expect("bye", "code", "kicked")["reason"] == "too loud")
      try terminal.expect("alice is out.")
      terminal.type("/hepl\r")
      try terminal.expect("! There is no /hepl: did you mean /help?")
      // Ctrl-D closes nothing.
      terminal.type("\u{4}")
      try terminal.expect("Ctrl-C or /quit closes the room.")
      terminal.type("\u{3}")
      #expect(try terminal.wait() == 0)
    }
  }

  @Test("what was typed is called back, also in a later session")
  func history() throws {
    try Scene.play { scene in
      let state = try scene.folder()
      let (first, _) = try host(state)
      first.type("remember me\r")
      try first.expect("server: remember me")
      first.type("/quit\r")
      #expect(try first.wait() == 0)
      let (second, _) = try host(state)
      second.type("\u{1B}[A\u{1B}[A\r")
      try second.expect("server: remember me")
      second.send(SIGTERM)
      #expect(try second.wait() == 0)
    }
  }

  @Test("the log is bounded: what a flood would add is counted")
  func flood() throws {
    let operatorLog = try OperatorLog(.full(hasTimes: false))
    func moment(_ seconds: UInt64) -> Moment {
      Moment(monotonic: seconds * 1_000_000_000, unixMilliseconds: Int64(seconds) * 1_000)
    }
    for number in 1...250 { operatorLog.note("line \(number)", at: moment(5)) }
    #expect(operatorLog.takeLines(at: moment(5)) == (1...100).map { "line \($0)" })
    #expect(operatorLog.deadline == moment(6).monotonic)
    operatorLog.note("later", at: moment(6))
    #expect(try Sockets.wait(for: .reading, on: operatorLog.descriptor, timeout: 0))
    #expect(operatorLog.takeLines(at: moment(6)) == ["(150 more lines left out)", "later"])
    #expect(operatorLog.deadline == nil)
    // Although nothing comes after them, those left out are told.
    for number in 1...130 { operatorLog.note("line \(number)", at: moment(7)) }
    #expect(operatorLog.takeLines(at: moment(7)).count == 100)
    #expect(operatorLog.takeLines(at: moment(8)) == ["(30 more lines left out)"])
    for second in 7..<100 as Range<UInt64> {
      for number in 1...100 { operatorLog.note("line \(number)", at: moment(second)) }
    }
    // Nobody has taken any.
    #expect(operatorLog.takeLines().count <= Limits.operatorLogLines + 100)
  }
}
