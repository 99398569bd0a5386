import Testing

@testable import netchat

@Suite("diagnostics")
struct DiagnosticsTests {
  @Test("an error is one line, its hint an indented one")
  func form() {
    #expect(
      Diagnostics.format(
        "cannot listen on 127.0.0.1:12345: address in use",
        hint: "another host may be running; try --port") == """
          netchat: cannot listen on 127.0.0.1:12345: address in use
            another host may be running; try --port

          """)
    #expect(Diagnostics.format("x") == "netchat: x\n")
  }

  @Test("what the user typed cannot move the cursor or begin a line")
  func visible() {
    let text = Diagnostics.format("\u{1B}[2J\r\n\u{7F}\u{9B}\u{202E}", hint: "a\nb")
    #expect(text == "netchat: ␛[2J␍␊␡‹U+009B›‹U+202E›\n  a␊b\n")
  }

  @Test("the exit statuses are those of the manual")
  func statuses() {
    #expect(ExitStatus.success.rawValue == 0)
    #expect(ExitStatus.failure.rawValue == 1)
    #expect(ExitStatus.usage.rawValue == 2)
    #expect(ExitStatus.connectionLost.rawValue == 3)
    #expect(ExitStatus.deliveryUnknown.rawValue == 4)
    #expect(ExitStatus.expectTimedOut.rawValue == 5)
  }

  @Test("writing to a closed descriptor fails and does not stop the program")
  func closedDescriptor() {
    #expect(!Diagnostics.write("x", to: -1))
    #expect(Diagnostics.write("", to: -1))
  }
}
