import Foundation
import OpenSSL
import Synchronization
import Testing

@testable import Sockets
@testable import netchat

@Suite("where a password comes from")
struct PasswordSourceTests {
  private let folder: Folder

  init() throws { folder = try Folder() }

  private func file(_ bytes: [UInt8], mode: Int = 0o600) throws -> String {
    let path = folder.path("password")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    return path
  }

  private func password(
    _ argument: String? = nil, file: String? = nil, piped: PasswordSource.PipedAnswer = .missing
  ) throws -> Secret {
    try PasswordSource(argument: argument.map(secret), file: file)
      .password(for: .host) { _ in piped }
  }

  private func failure(
    _ argument: String? = nil, file: String? = nil, piped: PasswordSource.PipedAnswer = .missing
  ) throws -> String {
    let failure = try #require(throws: PasswordSource.Failure.self) {
      _ = try password(argument, file: file, piped: piped)
    }
    guard case .unusable(let message, let hint) = failure else { return "\(failure)" }
    #expect(hint != nil)
    return message
  }

  @Test("the option comes before the file, and that before whoever is asked")
  func order() throws {
    let path = try file(Array("filed\n".utf8))
    #expect(try password("typed", file: path, piped: .line(secret("piped"))) == secret("typed"))
    #expect(try password(file: path, piped: .line(secret("piped"))) == secret("filed"))
    #expect(try password(piped: .line(secret("piped"))) == secret("piped"))
    #expect(PasswordSource(argument: secret("x"), file: nil).isGiven)
    #expect(PasswordSource(argument: nil, file: path).isGiven)
    #expect(!PasswordSource(argument: nil, file: nil).isGiven)
  }

  @Test(
    "the first line of a file is the password, as it stands there",
    arguments: [
      ("secret", "secret"), ("secret\n", "secret"), ("secret\r\n", "secret"),
      ("secret\nmore\n", "secret"), (" se cret \n", " se cret "), ("gëheim\n", "gëheim"),
      ("a\rb\n", "a\rb"), (String(repeating: "x", count: 1024) + "\n", nil),
    ] as [(String, String?)])
  func goodFile(contents: String, expected: String?) throws {
    let path = try file(Array(contents.utf8))
    #expect(try password(file: path) == secret(expected ?? String(contents.dropLast())))
  }

  @Test("a file without a password in it is refused with the reason")
  func badFile() throws {
    func reason(_ bytes: [UInt8]) throws -> String { try failure(file: try file(bytes)) }
    let path = folder.path("password")
    #expect(try reason([]) == "the password in \(path) is empty")
    #expect(try reason([0x0A, 0x61, 0x0A]) == "the password in \(path) is empty")
    #expect(try reason([0x0D, 0x0A]) == "the password in \(path) is empty")
    #expect(try reason([0x61, 0xFF]) == "the password in \(path) is not valid UTF-8")
    let long = [UInt8](repeating: 0x61, count: 1025)
    #expect(try reason(long) == "the password in \(path) is longer than 1024 bytes")
    #expect(
      try failure(file: "/dev/zero") == "the password in /dev/zero is longer than 1024 bytes")
    #expect(try failure(file: "/") == "cannot read the password in /: is a directory")
    let missing = folder.path("missing")
    #expect(
      try failure(file: missing)
        == "cannot read the password in \(missing): no such file or directory")
  }

  @Test("an empty answer of a pipe is refused, and one that did not come")
  func pipe() throws {
    #expect(try failure(piped: .line(secret(""))) == "the password is empty")
    #expect(try failure(piped: .missing) == "the input ended before the password")
  }

  @Test("nothing of the command line and of the environment shows the password")
  func hidden() throws {
    let program = try Program(
      ["host", "--password", "hunter2", "--password=hunter2"],
      environment: ["NETCHAT_PASSWORD": "hunter2"])
    // It is refused, for the option is given twice: by then all is done.
    #expect(try program.errors() == "netchat: --password is given twice\n  leave out one of them\n")

    let waiting = try Program(["host", "--password", "hunter2", "--json"])
    try waiting.waitForOutput("Enter the port you want to listen on: ", on: .errors)
    let line = try Data(contentsOf: URL(fileURLWithPath: "/proc/\(waiting.id)/cmdline"))
    #expect(!String(decoding: line, as: UTF8.self).contains("hunter"))
    #expect(String(decoding: line, as: UTF8.self).contains("--password\0*\0\0\0\0\0\0\0--json\0"))
    waiting.end()
  }

  @Test("a variable of the environment is read once and then gone")
  func environment() {
    let name = "NETCHAT_TEST_VARIABLE"
    #expect(ProcessSecrets.takeEnvironment(name) == nil)
    setenv(name, "value", 1)
    #expect(ProcessSecrets.takeEnvironment(name) == Array("value".utf8))
    #expect(getenv(name) == nil)
    setenv(name, "", 1)
    #expect(ProcessSecrets.takeEnvironment(name) == [])
    #expect(getenv(name) == nil)
  }
}

@Suite("passwords asked for on a terminal")
struct PasswordTerminalTests {
  /// What came of typing; `echo` whether anything was shown.
  private func ask(
    size: Int = 16, type: @escaping @Sendable (Int32) -> Void
  ) throws -> (answer: PasswordTerminal.Answer, bytes: [UInt8], shown: String) {
    var master: Int32 = 0
    var slave: Int32 = 0
    try #require(openpty(&master, &slave, nil, nil, nil) == 0)
    defer { close(master) }
    var before = termios()
    tcgetattr(slave, &before)
    let side = dup(slave)
    let asked = slave
    let outcome = Mutex<(PasswordTerminal.Answer, [UInt8])?>(nil)
    // Signals are blocked in a thread of its own.
    let thread = try OperatingThread(name: "ask") {
      var buffer = [UInt8](repeating: 0, count: size)
      guard let terminal = try? PasswordTerminal(on: Descriptor(owning: asked)),
        let answer = try? terminal.ask("Q: ", into: &buffer)
      else { return }
      outcome.withLock { $0 = (answer, buffer) }
    }
    var shown: [UInt8] = []
    var byte = [UInt8](repeating: 0, count: 1)
    while Array(shown.suffix(3)) != Array("Q: ".utf8), read(master, &byte, 1) == 1 { shown += byte }
    type(master)
    thread.join()
    var after = termios()
    tcgetattr(side, &after)
    #expect(after.c_lflag == before.c_lflag && after.c_iflag == before.c_iflag)
    #expect(
      withUnsafeBytes(of: &after.c_cc) { a in
        withUnsafeBytes(of: &before.c_cc) { b in a.elementsEqual(b) }
      })
    _ = fcntl(master, F_SETFL, O_NONBLOCK)
    close(side)
    while read(master, &byte, 1) == 1 { shown += byte }
    let (answer, bytes) = try #require(outcome.withLock { $0 })
    return (answer, bytes, String(decoding: shown, as: UTF8.self))
  }

  private static func type(_ text: String) -> @Sendable (Int32) -> Void {
    { master in _ = text.withCString { write(master, $0, strlen($0)) } }
  }

  @Test(
    "a line is edited and not shown",
    arguments: [
      ("secret\n", "secret"), ("secret\r", "secret"), ("x\u{15}secret\n", "secret"),
      ("secrex\u{7F}t\n", "secret"), ("gé\u{7F}\u{7F}x\n", "x"), ("\n", ""),
      ("secret\u{4}\u{4}", "secret"), ("sec\u{4}ret\n", "secret"),
    ])
  func line(typed: String, expected: String) throws {
    let (answer, bytes, shown) = try ask(type: Self.type(typed))
    #expect(answer == .line(count: expected.utf8.count))
    #expect(Array(bytes[..<expected.utf8.count]) == Array(expected.utf8))
    #expect(shown == "Q: \r\n")
  }

  @Test("Ctrl-C, Ctrl-D and a line that is too long are answers of their own")
  func others() throws {
    #expect(try ask(type: Self.type("abc\u{3}")).answer == .interrupted(signal: SIGINT))
    #expect(try ask(type: Self.type("\u{4}")).answer == .ended)
    #expect(try ask(size: 3, type: Self.type("abc\n")).answer == .line(count: 3))
    #expect(try ask(size: 3, type: Self.type("abcd\n")).answer == .tooLong)
    #expect(
      try ask(type: Self.type(String(repeating: "x", count: 5000) + "\n")).answer == .tooLong)
  }

  @Test("what is no terminal is not asked")
  func noTerminal() throws {
    let file = try File.open(reading: "/dev/null")
    let terminal = try PasswordTerminal(on: file)
    let isTerminal = terminal != nil
    #expect(!isTerminal)
  }
}

@Suite("passwords that are drawn")
struct GeneratedPasswordTests {
  private func text(_ number: UInt64) -> String {
    GeneratedPassword.password(number: number).withSpan { span in
      String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
    }
  }

  @Test("each number is a password of its own, five groups of two syllables")
  func numbers() {
    #expect(text(0) == "baba-baba-baba-baba-baba")
    #expect(text(1) == "beba-baba-baba-baba-baba")
    #expect(text(69) == "zuba-baba-baba-baba-baba")
    #expect(text(70) == "babe-baba-baba-baba-baba")
    #expect(text(GeneratedPassword.count - 1) == "zuzu-zuzu-zuzu-zuzu-zuzu")
    #expect(GeneratedPassword.count == (0..<10).reduce(UInt64(1)) { count, _ in count * 70 })
    #expect(GeneratedPassword.count > 1 << 60)
  }

  @Test("numbers of the last, incomplete round are drawn anew")
  func rounds() {
    var numbers = [UInt64.max, 6 * GeneratedPassword.count, 6 * GeneratedPassword.count - 1]
    let drawn = GeneratedPassword.draw { numbers.removeFirst() }
    #expect(numbers.isEmpty)
    #expect(drawn == GeneratedPassword.password(number: GeneratedPassword.count - 1))
  }

  @Test("no two are the same")
  func different() throws {
    #expect(try GeneratedPassword.draw() != GeneratedPassword.draw())
  }
}
