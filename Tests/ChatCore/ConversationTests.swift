import Foundation
import Testing

@testable import ChatCore

/// Whole conversations that nobody would hold, a few seconds of them; `Tests/Fuzz/run` looks longer.
@Suite struct ConversationTests {
  /// The scripts that the fuzzers begin with; each that ever broke something is one of them.
  private static func corpus(_ target: String) throws -> [(name: String, script: [UInt8])] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Fuzz/Corpus/\(target)")
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map {
      ($0, Array(try Data(contentsOf: folder.appendingPathComponent($0))))
    }
  }

  @Test("what must hold holds in every conversation that is kept for the fuzzers")
  func kept() throws {
    for (name, script) in try Self.corpus("host") {
      #expect(throws: Never.self, "\(name)") { try Conversation.play(script) }
    }
    for (name, script) in try Self.corpus("client") {
      #expect(throws: Never.self, "\(name)") { try ClientConversation.play(script) }
    }
  }

  @Test("it holds however a host's conversations are mixed up", arguments: 1...4)
  func host(seed: UInt64) throws {
    var mutation = Mutation(try Self.corpus("host").map(\.script), seed: seed)
    for _ in 0..<400 {
      let script = mutation.next()
      do {
        try Conversation.play(script)
      } catch {
        Issue.record("\(error)\n\(script.text)")
        return
      }
    }
  }

  @Test("and a client's", arguments: 1...2)
  func client(seed: UInt64) throws {
    var mutation = Mutation(try Self.corpus("client").map(\.script), seed: seed)
    for _ in 0..<800 {
      let script = mutation.next()
      do {
        try ClientConversation.play(script)
      } catch {
        Issue.record("\(error)\n\(script.text)")
        return
      }
    }
  }

  @Test("what does not hold is found")
  func violations() throws {
    var log = RoomLog()
    let watcher = Watcher(log.cursor, isSealed: false)
    func say(_ id: Int) {
      log.append(
        Array("{\"type\":\"chat\",\"from\":\"a\",\"text\":\"x\",\"id\":\(id)}\n".utf8))
    }
    say(1)
    say(2)
    try watcher.read(to: log.end)
    try watcher.finish()
    say(2)
    #expect(throws: Conversation.Violation.self) { try watcher.read(to: log.end) }
    say(5)
    try watcher.read(to: log.end)
    #expect(throws: Conversation.Violation.self) { try watcher.finish() }
    log.append(Array("{\"type\":\"chat\"".utf8))
    #expect(throws: Conversation.Violation.self) { try watcher.read(to: log.end) }
  }
}

/// Scripts made of others: lines dropped, doubled, moved and taken from elsewhere, bytes changed.
struct Mutation {
  private let scripts: [[[UInt8]]]
  private var random: Seeded

  init(_ scripts: [[UInt8]], seed: UInt64) {
    self.scripts = scripts.map { script in
      script.split(separator: UInt8(ascii: "\n")).map { Array($0) }
    }.filter { !$0.isEmpty }
    random = Seeded(seed)
  }

  mutating func next() -> [UInt8] {
    var lines = scripts.randomElement(using: &random) ?? []
    for _ in 0..<Int.random(in: 1...8, using: &random) {
      let other = scripts.randomElement(using: &random) ?? []
      let place = Int.random(in: 0...lines.count, using: &random)
      switch Int.random(in: 0..<7, using: &random) {
      case 0 where place < lines.count: lines.remove(at: place)
      case 1 where place < lines.count: lines.insert(lines[place], at: place)
      case 2:
        lines.shuffle(using: &random)
      case 3:
        let from = Int.random(in: 0...other.count, using: &random)
        lines.insert(contentsOf: other[from...].prefix(5), at: place)
      case 4: lines = Array(lines[..<place] + other.dropFirst(place))
      case 5 where place < lines.count: change(&lines[place])
      default:
        let steps = ["+", "~300", "~6000", "!0", "!1", "#1", ">1 50", "=0", "$x", "x1", "d", "c"]
        lines.insert(Array((steps.randomElement(using: &random) ?? "+").utf8), at: place)
      }
      if lines.count > 200 { lines.removeLast(lines.count - 200) }
    }
    return lines.flatMap { $0 + [UInt8(ascii: "\n")] }
  }

  private mutating func change(_ line: inout [UInt8]) {
    guard !line.isEmpty else { return }
    let place = Int.random(in: 0..<line.count, using: &random)
    switch Int.random(in: 0..<4, using: &random) {
    case 0: line[place] = UInt8.random(in: 0...255, using: &random)
    case 1: line.remove(at: place)
    case 2: line[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    default: line.removeSubrange(place...)
    }
  }
}
