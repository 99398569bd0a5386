import Foundation
import Testing

/// The program itself, as a process.
final class Program {
  private let process = Process()
  private let output = Pipe()
  private let error = Pipe()
  private let input = Pipe()

  var id: Int32 { process.processIdentifier }

  /// - Parameter environment: on top of this process's own.
  init(_ arguments: [String], environment: [String: String] = [:], folder: String? = nil) throws {
    // It is built beside the tests.
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    process.executableURL = URL(fileURLWithPath: tests).deletingLastPathComponent()
      .appendingPathComponent("netchat")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    process.standardInput = input
    process.standardOutput = output
    process.standardError = error
    try process.run()
  }

  enum Stream { case output, errors }

  /// Waits until it has written exactly this.
  func waitForOutput(_ text: String, on stream: Stream = .output) throws {
    let pipe = stream == .output ? output : error
    var got = Data()
    while got.count < text.utf8.count {
      let more = pipe.fileHandleForReading.availableData
      try #require(!more.isEmpty)
      got += more
    }
    #expect(String(decoding: got, as: UTF8.self) == text)
  }

  /// Waits for its end and returns what it wrote to standard error.
  func errors() throws -> String { try finish().errors }

  /// Waits for its end.
  func finish() throws -> (output: String, errors: String, status: Int32) {
    try? input.fileHandleForWriting.close()
    // Neither writes enough to fill a pipe.
    let text = output.fileHandleForReading.readDataToEndOfFile()
    let errors = error.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (
      String(decoding: text, as: UTF8.self), String(decoding: errors, as: UTF8.self),
      process.terminationStatus
    )
  }

  func end() {
    // Not SIGTERM: the tests' own threads may block it, and their children with them.
    kill(id, SIGKILL)
    process.waitUntilExit()
  }
}

/// A folder of its own that is gone with the test.
final class Folder {
  private let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory
      .appendingPathComponent("netchat-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String {
    name.isEmpty ? url.path : url.appendingPathComponent(name).path
  }

  func mode(_ name: String) throws -> Int {
    try FileManager.default.attributesOfItem(atPath: path(name))[.posixPermissions] as? Int ?? -1
  }

  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
  }
}
