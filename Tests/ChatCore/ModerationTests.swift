import Testing

@testable import ChatCore

@Suite("putting out and keeping out")
struct ModerationTests {
  private func kick(_ name: String, _ reason: String = "", in host: TestRoom) throws {
    let moment = host.moment
    let kicked = try host.room.withLock { room throws(Room.KickFailure) in
      try room.kick(name, reason: reason, at: moment)
    }
    if let end = kicked.end { host.route([end]) }
    host.settle()
  }

  @Test("a kick is a kick packet and a count, no leave; who is kicked gets a bye with the reason")
  func kick() throws {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    host.settleReading()
    try kick("BOB", "too loud", in: host)
    #expect(alice.take() == ["kick bob #3", "count 1"])
    let lines = bob.takeLines()
    #expect(lines.last == "{\"type\":\"bye\",\"code\":\"kicked\",\"reason\":\"too loud\"}")
    #expect(bob.isOver)
    #expect(host.names == ["alice"])
    // Its connection ends as any other, and nothing more is told of it.
    bob.drop()
    host.pass(seconds: 10)
    #expect(alice.take() == [])
    #expect(throws: Room.KickFailure.noSuchMember) { try kick("bob", in: host) }
  }

  @Test("who is kicked without a reason is told that the operator did it")
  func withoutReason() throws {
    let host = TestRoom()
    let bob = host.member("bob")
    host.settleReading()
    try kick("bob", in: host)
    #expect(bob.takeLines().last?.contains("\"reason\":\"The operator put you out.\"") == true)
  }

  @Test("text clients, version 1 clients and members whose connection is lost are kicked as well")
  func everyDialect() throws {
    let host = TestRoom()
    let alice = host.member("alice")
    let old = host.oldMember("old")
    let text = host.textMember("hello")
    let lost = host.member("lost")
    host.settleReading()
    lost.drop()
    for name in ["old", "lost", host.names.first { $0.hasPrefix("clint") } ?? ""] {
      try kick(name, "no", in: host)
    }
    #expect(host.names == ["alice"])
    #expect(text.takeLines().last == "Connection closed by remote host: no")
    #expect(old.take().last == "bye kicked")
    let seen = alice.take()
    #expect(seen.filter { $0.hasPrefix("kick") }.count == 3)
    #expect(seen.last == "count 1")
    host.pass(seconds: 10)
    #expect(alice.take() == [])
  }

  @Test("what one who is being kicked still sends does nothing")
  func afterwards() throws {
    let host = TestRoom()
    let alice = host.member("alice")
    let bob = host.member("bob")
    host.settleReading()
    let moment = host.moment
    _ = try host.room.withLock { room throws(Room.KickFailure) in
      try room.kick("bob", reason: "", at: moment)
    }
    // Its worker does not know yet.
    bob.say("still here")
    bob.send("{\"type\":\"nick\",\"name\":\"bobby\"}")
    #expect(alice.take() == ["kick bob #3", "count 1"])
  }

  @Test("a token brings one who was kicked back, unless it is banned")
  func token() throws {
    let host = TestRoom()
    let bob = host.connect(source: [192, 0, 2, 7])
    bob.auth("bob")
    let token = bob.token
    let keys = ",\"room\":\"\(TestRoom.id)\",\"since\":1,\"token\":\"\(token)\""
    try kick("bob", in: host)
    let again = host.connect(source: [192, 0, 2, 7])
    again.auth("bob", keys)
    #expect(again.take().contains { $0.hasPrefix("admitted bob") })
    try kick("bob", in: host)
    try host.room.withLock { room throws(Room.BanFailure) in
      try room.ban(OriginBlock(around: .address([192, 0, 2, 7])))
    }
    let third = host.connect(source: [192, 0, 2, 7])
    third.auth("bob", keys)
    #expect(third.take() == ["hello", "refused Banned."])
    #expect(third.isOver)
  }

  @Test("who is banned is refused however it comes, and who is in the room stays")
  func ban() throws {
    let host = TestRoom()
    let here = host.connect(source: [10, 1, 2, 3])
    here.auth("here")
    let block = try #require(OriginBlock([10, 1, 2, 99], bits: 24))
    try host.room.withLock { room throws(Room.BanFailure) in try room.ban(block) }
    here.say("still here")
    #expect(here.take().last == "here: still here #2")
    let packets = host.connect(source: [10, 1, 2, 4])
    packets.auth("bob")
    #expect(packets.take() == ["hello", "refused Banned."])
    let text = host.connect(source: [10, 1, 2, 5])
    text.send("hello")
    #expect(text.take() == ["hello", "! Banned."])
    let silent = host.connect(source: [10, 1, 2, 6])
    host.pass(milliseconds: 300)
    #expect(silent.take() == ["hello", "refused Banned."])
    let neighbour = host.connect(source: [10, 1, 3, 4])
    neighbour.auth("bob")
    #expect(neighbour.take().contains { $0.hasPrefix("admitted bob") })
    try host.room.withLock { room throws(Room.BanFailure) in try room.unban(block) }
    let later = host.connect(source: [10, 1, 2, 4])
    later.auth("eve")
    #expect(later.take().contains { $0.hasPrefix("admitted eve") })
  }

  @Test("in a secure room a ban costs no guess and no calculation")
  func banInSecureRoom() throws {
    let host = TestRoom(keys: FakeRoomKeys())
    try host.room.withLock { room throws(Room.BanFailure) in
      try room.ban(OriginBlock(around: .address([192, 0, 2, 7])))
    }
    for _ in 0..<20 {
      let peer = host.connect(source: [192, 0, 2, 7])
      peer.auth("bob", ",\"method\":\"spake2plus\",\"share\":\"AAAA\"")
      #expect(peer.take().last == "refused Banned.")
    }
  }

  @Test("blocks of addresses hold those that begin alike, and no others")
  func blocks() throws {
    let all = try #require(OriginBlock([1, 2, 3, 4], bits: 0))
    #expect(all.contains(.address([255, 0, 0, 1])))
    #expect(!all.contains(.address(Array(repeating: 0, count: 16))))
    let odd = try #require(OriginBlock([192, 168, 129, 7], bits: 17))
    #expect(odd == OriginBlock([192, 168, 128, 0], bits: 17))
    #expect(odd.contains(.address([192, 168, 255, 255])))
    #expect(!odd.contains(.address([192, 168, 127, 255])))
    #expect(OriginBlock([1, 2, 3, 4], bits: 33) == nil)
    #expect(OriginBlock([1, 2, 3, 4], bits: -1) == nil)
    let network = [UInt8]([0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 1])
    let around = OriginBlock(around: .address(network + [1, 2, 3, 4, 5, 6, 7, 8]))
    #expect(around.contains(.address(network + Array(repeating: 0, count: 8))))
    let loopback = Array(repeating: UInt8(0), count: 15) + [1]
    #expect(
      !OriginBlock(around: .address(loopback)).contains(.address(Array(repeating: 0, count: 16))))
    #expect(OriginBlock(around: .user(1000)).contains(.user(1000)))
    #expect(!OriginBlock(around: .user(1000)).contains(.user(1001)))
    #expect(!all.contains(.user(0)))
  }

  @Test("bans are bounded, and none stands twice")
  func bounds() throws {
    let host = TestRoom()
    host.room.withLock { room in
      for number in 0..<Limits.bans {
        let bytes = [10, 0, UInt8(number / 256), UInt8(number % 256)]
        #expect(throws: Never.self) { try room.ban(OriginBlock(around: .address(bytes))) }
      }
      #expect(throws: Room.BanFailure.known) {
        try room.ban(OriginBlock(around: .address([10, 0, 0, 0])))
      }
      #expect(throws: Room.BanFailure.full) { try room.ban(OriginBlock(around: .user(1))) }
      #expect(throws: Room.BanFailure.unknown) { try room.unban(OriginBlock(around: .user(1))) }
    }
  }

  @Test("what has become of a connection is told once")
  func news() throws {
    let host = TestRoom(maxMembers: 1)
    let alice = host.connect()
    alice.auth("alice")
    #expect(alice.session.takeNews() == [.admitted(name: "alice")])
    #expect(alice.session.takeNews() == [])
    let bob = host.connect()
    bob.auth("bob")
    #expect(bob.session.takeNews() == [.refused(.full)])
    let rude = host.connect()
    rude.send("{\"type\":")
    #expect(rude.session.takeNews().count == 1)
    try kick("alice", "why", in: host)
    #expect(
      alice.session.takeNews().map { $0 == .ended(.kicked(reason: "why"), name: "alice") } == [true]
    )
  }
}
