import ChatCore
import Testing

@testable import ChatClient

@Suite("where a client joined")
struct JoinPointTests {
  private func packet(_ json: String) throws -> HostPacket { try HostPacket(Array(json.utf8).span) }

  private func hello(_ room: String?) throws -> HostPacket {
    try packet(
      #"{"type":"hello","secure":false"# + (room.map { #","version":2,"room":"\#($0)""# } ?? "")
        + "}")
  }

  private func admission(_ id: Int64?) throws -> HostPacket {
    try packet(
      #"{"type":"auth_result","ok":true,"client_name":"alice""#
        + (id.map { #","id":\#($0),"total":2"# } ?? "") + "}")
  }

  private func chat(_ id: Int64?) throws -> HostPacket {
    try packet(
      #"{"type":"chat","encrypted":false,"from":"bob","text":"yes""#
        + (id.map { #","id":\#($0),"time":1"# } ?? "") + "}")
  }

  private func isPast(_ point: JoinPoint, _ id: Int64?) throws -> Bool {
    guard case .chat(let chat) = try chat(id) else { throw Missing() }
    return point.isPast(chat)
  }

  private struct Missing: Error {}

  private let one = String(repeating: "1", count: 32)
  private let two = String(repeating: "2", count: 32)

  @Test("what a lost connection kept away is not past; another room has a past of its own")
  func rooms() throws {
    var point = JoinPoint()
    for step in [try hello(one), try admission(100)] { point.note(step) }
    #expect(try isPast(point, 100))
    #expect(try !isPast(point, 101))
    for step in [try hello(one), try admission(200)] { point.note(step) }
    #expect(try !isPast(point, 150))
    for step in [try hello(two), try admission(3)] { point.note(step) }
    #expect(try isPast(point, 3))
    #expect(try !isPast(point, 4))
  }

  @Test("version 1 has no ids, and no past")
  func versionOne() throws {
    var point = JoinPoint()
    for step in [try hello(nil), try admission(nil)] { point.note(step) }
    #expect(try !isPast(point, nil))
  }

  @Test("--expect is met by what another says in the room that the host began anew")
  func expectation() throws {
    let expectation = try Expectation("^bob: yes$")
    for step in [try hello(one), try admission(100), try chat(100)] {
      #expect(!expectation.isMet(by: step))
    }
    for step in [try hello(two), try admission(1), try chat(1)] {
      #expect(!expectation.isMet(by: step))
    }
    #expect(expectation.isMet(by: try chat(2)))
  }
}
