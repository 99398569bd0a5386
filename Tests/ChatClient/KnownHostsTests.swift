import Foundation
import OpenSSL
import Sockets
import Testing

@testable import ChatClient

@Suite("what a client remembers of hosts")
struct KnownHostsTests {
  private let folder: Folder
  private let hosts: KnownHosts
  private let one = Fingerprint(String(repeating: "0123456789abcdef", count: 4))!
  private let other = Fingerprint(String(repeating: "f", count: 64))!

  init() throws {
    folder = try Folder()
    hosts = KnownHosts(path: folder.path("state/netchat/known_hosts"))
  }

  private var text: String {
    get throws { try String(contentsOfFile: hosts.path, encoding: .utf8) }
  }

  private func write(_ text: String) throws {
    try FileManager.default.createDirectory(
      atPath: folder.path("state/netchat"), withIntermediateDirectories: true)
    try text.write(toFile: hosts.path, atomically: true, encoding: .utf8)
  }

  @Test("nothing is known where there is no file, and looking makes none")
  func noFile() throws {
    #expect(try hosts.entry(host: "localhost", port: 1) == nil)
    #expect(try !hosts.forget(host: "localhost", port: 1))
    #expect(!FileManager.default.fileExists(atPath: folder.path("state")))
  }

  @Test("what was remembered is found again, and replaced, and forgotten")
  func remember() throws {
    try hosts.remember(.secure, host: "example.org", port: 12345)
    try hosts.remember(.certificate(one), host: "example.org", port: 12346)
    #expect(try text == "example.org:12345 secure\nexample.org:12346 \(one)\n")
    #expect(try hosts.entry(host: "example.org", port: 12345) == .secure)
    #expect(try hosts.entry(host: "example.org", port: 12346) == .certificate(one))
    #expect(try hosts.entry(host: "example.org", port: 12347) == nil)
    #expect(try hosts.entry(host: "example.com", port: 12345) == nil)

    try hosts.remember(.certificate(other), host: "example.org", port: 12345)
    #expect(try text == "example.org:12345 \(other)\nexample.org:12346 \(one)\n")

    #expect(try hosts.forget(host: "example.org", port: 12345))
    #expect(try !hosts.forget(host: "example.org", port: 12345))
    #expect(try text == "example.org:12346 \(one)\n")
  }

  @Test("only this user can read the file and its directories")
  func modes() throws {
    try hosts.remember(.secure, host: "localhost", port: 1)
    #expect(try folder.mode("state") == 0o700)
    #expect(try folder.mode("state/netchat") == 0o700)
    #expect(try folder.mode("state/netchat/known_hosts") == 0o600)
    // Also one that was open to all.
    try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: hosts.path)
    try hosts.remember(.secure, host: "localhost", port: 2)
    #expect(try folder.mode("state/netchat/known_hosts") == 0o600)
    #expect(try folder.names("state/netchat") == ["known_hosts"])
  }

  @Test(
    "a host is the same however it is written",
    arguments: [
      ("Example.ORG", "example.org", "example.org:9"),
      ("example.org.", "EXAMPLE.org", "example.org:9"),
      ("::1", "0:0:0:0:0:0:0:1", "[::1]:9"), ("FE80::A%eth0", "fe80::a%eth0", "[fe80::a%eth0]:9"),
      ("127.0.0.1", "127.0.0.1", "127.0.0.1:9"),
      ("BÜCHER.example", "bücher.example", "bücher.example:9"),
    ])
  func sameHost(written: String, asked: String, stored: String) throws {
    try hosts.remember(.secure, host: written, port: 9)
    #expect(try text == stored + " secure\n")
    #expect(try hosts.entry(host: asked, port: 9) == .secure)
    try hosts.remember(.certificate(one), host: asked, port: 9)
    #expect(try text == "\(stored) \(one)\n")
    #expect(try hosts.forget(host: asked, port: 9))
  }

  @Test("comments, empty lines and the lines of others stay as they are")
  func foreignLines() throws {
    let before = "# mine\n\n  # Indented \nExample.org:1\tsecure\r\n"
    try write(before.replacingOccurrences(of: "\r", with: ""))
    try hosts.remember(.secure, host: "a", port: 2)
    #expect(try text == "# mine\n\n  # Indented \nExample.org:1\tsecure\na:2 secure\n")
    #expect(try hosts.forget(host: "a", port: 2))
    #expect(try text == "# mine\n\n  # Indented \nExample.org:1\tsecure\n")
    #expect(try hosts.entry(host: "example.org", port: 1) == .secure)
  }

  @Test("lines that end by CR LF are lines too")
  func returns() throws {
    try write("# mine\r\na:1 secure\r\n\r\nb:2 secure")
    #expect(try hosts.entry(host: "a", port: 1) == .secure)
    try hosts.remember(.certificate(one), host: "b", port: 2)
    #expect(try text == "# mine\na:1 secure\n\nb:2 \(one)\n")
  }

  @Test("a symbolic link to the file stays one")
  func symbolicLink() throws {
    try write("a:1 secure\n")
    let files = FileManager.default
    try files.moveItem(atPath: hosts.path, toPath: folder.path("elsewhere"))
    try files.createSymbolicLink(
      atPath: hosts.path, withDestinationPath: folder.path("elsewhere"))
    try hosts.remember(.secure, host: "b", port: 2)
    #expect(try text == "a:1 secure\nb:2 secure\n")
    #expect(try files.destinationOfSymbolicLink(atPath: hosts.path) == folder.path("elsewhere"))
    #expect(try folder.names("") == ["elsewhere", "state"])
  }

  @Test("a lock that nobody lets go of is not waited for without end")
  func locked() throws {
    try write("a:1 secure\n")
    let directory = open(folder.path("state/netchat"), O_RDONLY)
    defer { close(directory) }
    #expect(flock(directory, LOCK_EX) == 0)
    let failure = #expect(throws: KnownHosts.Failure.self) {
      try hosts.remember(.secure, host: "b", port: 2)
    }
    #expect(
      failure?.description == "cannot write \(hosts.path): another program has locked it")
    #expect(try text == "a:1 secure\n")
  }

  @Test("a last line without its end is a line")
  func noLineEnd() throws {
    try write("a:1 secure")
    try hosts.remember(.secure, host: "b", port: 2)
    #expect(try text == "a:1 secure\nb:2 secure\n")
  }

  @Test(
    "a line that cannot be read is an error with its number, for every host",
    arguments: [
      "example.org", "example.org secure", "example.org:x secure", "example.org:0 secure",
      "example.org:65536 secure", "example.org:+1 secure", ":1 secure", "[::1] secure",
      "::1:1 secure",
      "[example.org]:1 secure", "[::1:1 secure", "a]:1 secure", "a:1", "a:1 secure secure",
      "a:1 SECURE",
      "a:1 SHA256:", "a:1 SHA256:AAAA", "a:1 \(String(repeating: "f", count: 64))",
      "a:1 secure\r\r",
      "b:2 secure", "\u{FEFF}a:1 secure secure",
    ])
  func invalidLine(line: String) throws {
    try write("# x\nb:2 secure\n\(line)\nc:3 secure\n")
    let before = try text
    for attempt in [
      { _ = try hosts.entry(host: "b", port: 2) },
      { _ = try hosts.entry(host: "unknown", port: 2) },
      { _ = try hosts.forget(host: "b", port: 2) },
      { try hosts.remember(.secure, host: "b", port: 2) },
    ] as [() throws -> Void] {
      let failure = try #require(throws: KnownHosts.Failure.self) { try attempt() }
      guard case .invalidLine(hosts.path, 3, _) = failure else {
        Issue.record("\(failure)")
        continue
      }
      #expect(failure.description.hasPrefix("\(hosts.path), line 3: "))
    }
    #expect(try text == before)
  }

  @Test("bytes that are no text, and a file that is none, are errors")
  func notText() throws {
    try write("")
    try Data([0x61, 0xFF, 0x0A]).write(to: URL(fileURLWithPath: hosts.path))
    #expect(
      throws: KnownHosts.Failure.invalidLine(path: hosts.path, number: 1, reason: "it is not UTF-8")
    ) {
      _ = try hosts.entry(host: "a", port: 1)
    }
    try FileManager.default.removeItem(atPath: hosts.path)
    try FileManager.default.createDirectory(atPath: hosts.path, withIntermediateDirectories: true)
    let failure = #expect(throws: KnownHosts.Failure.self) {
      _ = try hosts.entry(host: "a", port: 1)
    }
    #expect(failure?.description == "cannot read \(hosts.path): is a directory")
    try FileManager.default.removeItem(atPath: hosts.path)
    try Data(repeating: 0x0A, count: (1 << 20) + 1).write(to: URL(fileURLWithPath: hosts.path))
    let large = #expect(throws: KnownHosts.Failure.self) { _ = try hosts.entry(host: "a", port: 1) }
    #expect(large?.description == "cannot read \(hosts.path): file too large")
  }

  @Test("what cannot be written says so, and leaves nothing behind")
  func unwritable() throws {
    try Data().write(to: URL(fileURLWithPath: folder.path("state")))
    let failure = #expect(throws: KnownHosts.Failure.self) {
      try hosts.remember(.secure, host: "a", port: 1)
    }
    #expect(failure?.description == "cannot write \(hosts.path): not a directory")
    #expect(try folder.names("") == ["state"])
  }

  @Test("writers at the same time lose nothing of each other")
  func concurrency() async throws {
    let hosts = hosts
    try await withThrowingTaskGroup(of: Void.self) { group in
      for port in 1...UInt16(64) {
        group.addTask {
          try hosts.remember(.secure, host: "a", port: port)
          _ = try hosts.entry(host: "a", port: port)
        }
      }
      try await group.waitForAll()
    }
    #expect(try text.split(separator: "\n").count == 64)
    for port in 1...UInt16(64) { #expect(try hosts.entry(host: "a", port: port) == .secure) }
    #expect(try folder.names("state/netchat") == ["known_hosts"])
  }
}

/// A folder of its own that is gone with the test.
final class Folder {
  private let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory
      .appendingPathComponent("netchat-client-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  func mode(_ name: String) throws -> Int {
    try FileManager.default.attributesOfItem(atPath: path(name))[.posixPermissions] as? Int ?? -1
  }

  func names(_ name: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path(name)).sorted()
  }
}
