import Foundation
import Testing

@testable import netchat

@Suite("files of arguments")
struct ArgumentFileTests {
  /// Reads a command line in which `FILE` stands for a file with this text.
  private func parse(_ arguments: [String], _ text: String) throws -> Invocation {
    let file = FileManager.default.temporaryDirectory.appending(path: "netchat-\(UUID())")
    try Data(text.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    return try ArgumentParser.parse(arguments.map { $0.replacing("FILE", with: file.path) })
  }

  private func host(_ arguments: [String], _ text: String) throws -> HostArguments {
    guard case .host(let host) = try parse(arguments, text) else {
      throw UsageError("not host")
    }
    return host
  }

  private func mistake(_ arguments: [String], _ text: String) throws -> UsageError {
    try #require(throws: UsageError.self) { try parse(arguments, text) }
  }

  @Test("each line is an argument; empty lines, comments and blanks at the ends do not count")
  func lines() throws {
    let text = "# a room\n\n  --port=4000\r\n\t--rate\n 7 \n# --bind=::1\n--json"
    let arguments = try host(["host", "@FILE", "--threads", "2"], text)
    #expect(arguments.port == 4000)
    #expect(arguments.rate == 7)
    #expect(arguments.threads == 2)
    #expect(arguments.format == .json)
    #expect(arguments.bind == nil)
  }

  @Test("the command may stand in the file, and a file may be empty")
  func places() throws {
    #expect(try host(["@FILE"], "host\n--port=1").port == 1)
    #expect(try host(["host", "@FILE", "--port", "1"], "").port == 1)
    guard case .clint(let clint) = try parse(["clint", "@FILE"], "example.org:4000\n--say=a b  c")
    else { throw UsageError("not clint") }
    #expect(clint.host == "example.org")
    #expect(clint.say == "a b  c")
  }

  @Test("a value that begins with @ is a value, and so is anything after --")
  func values() throws {
    guard case .clint(let clint) = try parse(["clint", "--say", "@bob: hi", "localhost"], "") else {
      throw UsageError("not clint")
    }
    #expect(clint.say == "@bob: hi")
    #expect(try mistake(["clint", "--", "@FILE"], "localhost").message.contains("invalid HOST"))
  }

  @Test("what is wrong with a file is said with its line")
  func mistakes() throws {
    let slip = try mistake(["host", "@FILE"], "# x\n--port 4000\n")
    #expect(slip.message.hasSuffix("', line 2: one argument a line is expected"))
    #expect(slip.hint == "write --port=4000, or the value on the next line")
    let secret = try mistake(["host", "@FILE"], "--password open sesame\n")
    #expect(secret.hint?.contains("sesame") == false)
    let other = try mistake(["host", "@FILE"], "--port=1\n@FILE\n")
    #expect(other.message.hasSuffix("', line 2: a file of arguments names no other"))
    #expect(try mistake(["host", "@FILE"], "--port=1\n--prot=2").hint == "did you mean --port?")
    #expect(
      try mistake(["host", "@FILE", "--port=2"], "--port=1").message == "--port is given twice")
    #expect(
      try mistake(["host", "@FILE"], "a\0b").message.hasSuffix("line 1: there is a NUL in it"))
    let long = String(repeating: "#\n", count: 40_000)
    #expect(
      try mistake(["host", "@FILE"], long).message.hasSuffix("it is larger than 65536 bytes"))
    let none = try #require(throws: UsageError.self) {
      try ArgumentParser.parse(["host", "@/nonexistent/x"])
    }
    #expect(
      none.message
        == "cannot read the arguments in '/nonexistent/x': no such file or directory")
    #expect(throws: UsageError.self) { try ArgumentParser.parse(["host", "@/tmp"]) }
    #expect(throws: UsageError.self) { try ArgumentParser.parse(["host", "@"]) }
  }
}
