import Foundation
import Testing

@Suite("README")
struct ReadmeTests {
  private static let readme: String? = {
    let root = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return try? String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
  }()

  @Test(
    "every option stands in README's tables, and no other",
    arguments: ["host", "clint", "gencert", "selftest"])
  func options(command: String) throws {
    let lines = try #require(Self.readme).split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0.hasPrefix("| `netchat \(command)") })
    let rows = lines[(start + 1)...].prefix { $0.hasPrefix("|") }
    // The first column has the options; the words beside may name others.
    let named = Set(rows.flatMap { options(in: $0.split(separator: "|").first ?? "") })
    try Scene.play { scene in
      let help = try scene.netchat("help", command)
      let shown = try help.output.rest().filter { $0.hasPrefix("      --") }
      let existing = Set(shown.flatMap { options(in: $0.prefix { $0 != "(" }).prefix(1) })
      #expect(named == existing.subtracting(["--version"]))
    }
  }

  private func options(in text: some StringProtocol) -> [String] {
    String(text).matches(of: /--[a-z][a-z-]*/).map { String($0.output) }
  }

  @Test("every status stands in README")
  func statuses() throws {
    let readme = try #require(Self.readme)
    for status in 0...5 { #expect(readme.contains("\n| \(status) | ")) }
  }

  @Test("README's client in Python is let in and answers")
  func python() throws {
    let readme = try #require(Self.readme)
    let parts = readme.components(separatedBy: "```")
    let script = try #require(parts.first { $0.hasPrefix("python\n") }).dropFirst("python\n".count)
    try Scene.play { scene in
      let room = try scene.host()
      let program = script.replacingOccurrences(of: "12345", with: "\(room.port)")
      _ = try scene.run("python3", "-c", program)
      try room.screen.expect(prefix: "robot joined from ")
      try room.program.type("hello robot")
      try room.screen.expect("robot: hello")
    }
  }
}
