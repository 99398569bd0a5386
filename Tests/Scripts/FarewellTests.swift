import ChatCore
import Glibc
import Sockets
import Testing

@testable import ChatHost

/// A connection whose client does not read, at times that a test makes up.
@Suite("a farewell")
struct FarewellTests {
  private static let second: UInt64 = 1_000_000_000

  private func moment(_ tenths: UInt64) -> Moment {
    Moment(monotonic: 100 * Self.second + tenths * Self.second / 10, unixMilliseconds: 0)
  }

  @Test("who is put out long after it stopped reading has two seconds for what is left")
  func stalled() throws {
    var pair: [Int32] = [-1, -1]
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
    try #require(socketpair(AF_UNIX, kind, 0, &pair) == 0)
    defer { close(pair[1]) }
    let room = SharedRoom(
      ChatCore.Room.Settings(
        id: String(repeating: "0", count: 32),
        tokenKey: TokenKey(code: { _ in Array(repeating: 0, count: 32) })))
    let terms = Connection.Terms(
      hello: [], isSecure: false, tls: nil, admissionTime: 10 * Self.second)
    let id = ConnectionID(worker: 0, slot: 0, generation: 0)
    let connection = Connection(
      id: id, socket: StreamSocket(owning: pair[0]),
      session: HostSession(id: id, from: "here", rate: 0, at: moment(0)), terms: terms,
      at: moment(0))
    var list = GatherList(capacity: 8)
    var record: [UInt8] = []
    func isOpen(_ tenths: UInt64) -> Bool {
      if case .gone = connection.timePassed(in: room, terms, maxLag: 1 << 20, at: moment(tenths)) {
        return false
      }
      return true
    }
    connection.session.outflow.post([UInt8](repeating: 0x78, count: 4 << 20))
    _ = connection.flush(&list, &record, in: room, at: moment(0))
    let isBlocked = connection.transport.isBlocked
    #expect(isBlocked)
    connection.session.bid(.kicked(reason: "Why."), in: room, at: moment(50))
    _ = connection.flush(&list, &record, in: room, at: moment(50))
    #expect(connection.deadline(at: moment(50).monotonic) == moment(70).monotonic)
    let before = (isOpen(60), isOpen(69))
    #expect(before == (true, true))
    let after = isOpen(70)
    #expect(!after)
  }
}
