import Foundation
import Testing

@testable import netchat

@Suite("manual pages")
struct ManualTests {
  /// Commands with a page of their own; `help` and `completions` stand in netchat.1.
  static let commands = CommandTable.commands.filter { !["help", "completions"].contains($0.name) }

  @Test("the lists of options are those of the table", arguments: commands.map(\.name))
  func fresh(name: String) throws {
    let page = ManualPage(try #require(CommandTable.command(named: name)))
    let (committed, fresh) = try page.read()
    if ProcessInfo.processInfo.environment["NETCHAT_RENEW"] != nil {
      try fresh.write(to: page.url, atomically: true, encoding: .utf8)
    }
    #expect(
      committed == fresh, "renew it: NETCHAT_RENEW=1 swift test --filter ManualTests")
    for section in [
      "NAME", "SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES",
      "SECURITY", "SEE ALSO",
    ] {
      #expect(committed.contains("\n.Sh \(section)\n"), "\(section)")
    }
    for part in ["synopsis", "options", "examples"] {
      #expect(committed.contains("\n.\\\" begin \(part)\n"), "\(part)")
    }
  }

  @Test("netchat.1 names every command, and every page is named there")
  func overview() throws {
    let page = try String(
      contentsOf: ManualPage.folder.appending(path: "netchat.1"), encoding: .utf8)
    for command in CommandTable.commands {
      #expect(page.contains(".It Cm \(command.name)\n"), "\(command.name)")
    }
    for file in try FileManager.default.contentsOfDirectory(atPath: ManualPage.folder.path)
    where file != "netchat.1" {
      let parts = file.split(separator: ".")
      #expect(page.contains(".Xr \(parts[0]) \(parts[1])"), "\(file)")
    }
  }

  @Test("the pages are good mdoc")
  func lint() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: ManualPage.folder.path)
    #expect(files.count >= ManualTests.commands.count + 2)
    for file in files {
      let (status, output) = try run(
        "/usr/bin/mandoc",
        ["-T", "lint", "-W", "warning", ManualPage.folder.appending(path: file).path])
      #expect(status == 0 && output.isEmpty, "\(output)")
    }
  }

  private func run(_ executable: String, _ arguments: [String]) throws -> (Int32, String) {
    let process = Process()
    process.executableURL = URL(filePath: executable)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
