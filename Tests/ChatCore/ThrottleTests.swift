import Testing

@testable import ChatCore

@Suite struct ThrottleTests {
  private static let second: UInt64 = 1_000_000_000
  private static let start = 1_000 * second

  /// `#expect` cannot call what changes its receiver.
  private func charge(_ throttle: inout Throttle, _ source: Throttle.Source, at now: UInt64) -> Bool
  {
    throttle.charge(source, at: now)
  }

  /// How many attempts pass, one right after the other, up to 100.
  private func burst(_ throttle: inout Throttle, _ source: Throttle.Source, at now: UInt64) -> Int {
    var count = 0
    while count < 100, charge(&throttle, source, at: now) { count += 1 }
    return count
  }

  @Test("a source has 10 attempts at once, then one each 10 s, and never saves up more than 10")
  func oneSource() {
    var throttle = Throttle()
    let source = Throttle.Source.address([1])
    var now = Self.start
    #expect(burst(&throttle, source, at: now) == 10)
    #expect(burst(&throttle, source, at: now + 10 * Self.second - 1) == 0)
    now += 10 * Self.second
    #expect(burst(&throttle, source, at: now) == 1)
    now += 25 * Self.second
    #expect(burst(&throttle, source, at: now) == 2)
    now += 5 * Self.second
    #expect(burst(&throttle, source, at: now) == 1, "what was left of the 25 s counts")
    now += 10_000 * Self.second
    #expect(burst(&throttle, source, at: now) == 10)
  }

  @Test("all sources together have 60 attempts at once, then one a second")
  func allSources() {
    var throttle = Throttle()
    var now = Self.start
    for number in UInt8(0)..<60 { #expect(charge(&throttle, .address([number]), at: now)) }
    #expect(!charge(&throttle, .address([60]), at: now))
    #expect(!charge(&throttle, .address([60]), at: now + Self.second - 1))
    now += Self.second
    #expect(charge(&throttle, .address([61]), at: now))
    #expect(!charge(&throttle, .address([62]), at: now))
    now += 3 * Self.second
    #expect(burst(&throttle, .address([63]), at: now) == 3)
    // What all together refused was not charged to the source.
    now += 1_000 * Self.second
    #expect(burst(&throttle, .address([60]), at: now) == 10)
  }

  @Test("a member with a valid token has a bucket of its own, which strangers cannot empty")
  func members() {
    var throttle = Throttle()
    let now = Self.start
    for number in UInt8(0)..<6 {
      #expect(burst(&throttle, .address([number]), at: now) == 10)
    }
    #expect(!charge(&throttle, .address([9]), at: now))
    #expect(burst(&throttle, .member(7), at: now) == 10)
    #expect(burst(&throttle, .member(8), at: now) == 10)
    #expect(burst(&throttle, .member(7), at: now + 10 * Self.second) == 1)
    // Nor does a member take from the strangers.
    #expect(burst(&throttle, .address([9]), at: now + 60 * Self.second) == 10)
  }

  @Test("what is given back can be used again, and gives no more than there was")
  func givenBack() {
    var throttle = Throttle()
    let source = Throttle.Source.address([1])
    let now = Self.start
    for _ in 0..<200 {
      #expect(charge(&throttle, source, at: now))
      throttle.giveBack(source)
    }
    for _ in 0..<20 { throttle.giveBack(source) }
    #expect(burst(&throttle, source, at: now) == 10)
    throttle.giveBack(source)
    #expect(burst(&throttle, source, at: now) == 1)
    for number in UInt8(2)..<7 { #expect(burst(&throttle, .address([number]), at: now) == 10) }
    #expect(!charge(&throttle, .address([99]), at: now), "60 in all, each counted once")
  }

  @Test("a full table drops the bucket that is the fullest")
  func fullTable() {
    var throttle = Throttle(limit: 3)
    let (a, b, c, d) = (
      Throttle.Source.address([1]), Throttle.Source.address([2]), Throttle.Source.address([3]),
      Throttle.Source.address([4])
    )
    let now = Self.start
    for source in [a, a, a, b, c, c, d] { #expect(charge(&throttle, source, at: now)) }
    #expect(burst(&throttle, a, at: now) == 7, "kept")
    #expect(burst(&throttle, c, at: now) == 8, "kept")
    #expect(burst(&throttle, b, at: now) == 10, "was dropped")
  }

  @Test("65,536 sources are told apart, and one more drops the fullest bucket")
  func limit() {
    var throttle = Throttle()
    // Members, whom the bucket for all does not hold up.
    for member in 0..<65_536 {
      #expect(charge(&throttle, .member(Int64(member)), at: Self.start))
      if member != 77 { #expect(charge(&throttle, .member(Int64(member)), at: Self.start)) }
    }
    #expect(throttle.count == 65_536)
    #expect(charge(&throttle, .member(70_000), at: Self.start))
    #expect(throttle.count == 65_536)
    #expect(burst(&throttle, .member(78), at: Self.start) == 8, "kept")
    #expect(burst(&throttle, .member(77), at: Self.start) == 10, "was dropped")
    // Those that are full again are dropped together.
    let later = Self.start + 200 * Self.second
    #expect(charge(&throttle, .member(80_000), at: later))
    #expect(throttle.count == 1)
  }

  @Test("an IPv4 address is a source, and so are the first 64 bits of an IPv6 one")
  func sources() {
    let first: [UInt8] = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8]
    var neighbour = first
    neighbour[15] = 99
    var stranger = first
    stranger[7] = 2
    typealias Source = Throttle.Source
    #expect(Source(.address(first)) == Source(.address(neighbour)))
    #expect(Source(.address(first)) != Source(.address(stranger)))
    #expect(Source(.address([127, 0, 0, 1])) != Source(.address([127, 0, 0, 2])))
  }
}

@Suite struct PendingAdmissionsTests {
  @Test("511 waiting refuse nobody, from 512 on a growing share is refused, 1,024 refuse everybody")
  func share() {
    var random = Seeded(1)
    func refused(_ waiting: Int) -> Int {
      (0..<10_000).count { _ in PendingAdmissions.refuses(waiting: waiting, using: &random) }
    }
    #expect(refused(0) == 0)
    #expect(refused(511) == 0)
    #expect(refused(512) == 0)
    #expect(1...60 ~= refused(513))
    #expect(2_300...2_700 ~= refused(640))
    #expect(4_800...5_200 ~= refused(768))
    #expect(refused(1_023) > 9_950)
    #expect(refused(1_024) == 10_000)
    #expect(refused(5_000) == 10_000)
  }
}
