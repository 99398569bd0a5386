import ChatCore
import Sockets
import Terminal

/// Does what the operator of a host types: says lines, and obeys commands.
package struct Operator: Sendable {
  private let host: Host

  package init(of host: Host) { self.host = host }

  /// What a line led to.
  package enum Outcome: Sendable {
    case answer(OperatorAnswer)
    /// It was said; the room shows it.
    case said
    case quit
  }

  /// The members' names.
  package var names: [String] { host.room.withLock { $0.describeMembers().map(\.name) } }

  package func take(_ line: String) -> Outcome {
    if line.unicodeScalars.allSatisfy(\.properties.isWhitespace) { return .said }
    do throws(SlashCommands.Failure) {
      // Few lines are commands, and only those need names.
      return perform(try OperatorCommand(line, names: line.hasPrefix("/") ? names : []))
    } catch {
      return .answer(.failed(error.reason))
    }
  }

  private func perform(_ command: OperatorCommand) -> Outcome {
    switch command {
    case .say(let text): return say(text)
    case .quit: return .quit
    case .who: return .answer(.members(members))
    case .kick(let name, let reason): return .answer(kick(name, reason))
    case .ban(let whom): return .answer(ban(whom))
    case .unban(let text): return .answer(unban(text))
    case .bans: return .answer(.bans(host.room.withLock { $0.bans.map(\.text) }))
    case .limits: return .answer(.limits(limits))
    case .stats: return .answer(.figures(Figures(of: host, asksWorkers: true)))
    case .help: return .answer(.help(OperatorCommand.table.helpLines))
    }
  }

  private var now: Moment {
    Moment(monotonic: Clock.monotonic(), unixMilliseconds: Clock.unixMilliseconds())
  }

  private func say(_ text: String) -> Outcome {
    do throws(Room.SayFailure) {
      try host.say(text, at: now)
      return .said
    } catch {
      return .answer(.failed("That line was too long and was not said."))
    }
  }

  private var members: [OperatorAnswer.Member] {
    let facts = host.survey().facts
    return host.room.withLock { $0.describeMembers() }.map { description in
      OperatorAnswer.Member(
        description: description, facts: description.connection.flatMap { facts[$0] })
    }
  }

  // MARK: Putting out

  private func kick(_ name: String, _ reason: String) -> OperatorAnswer {
    do throws(Room.KickFailure) {
      let kicked = try host.kick(name, reason: reason, at: now)
      return .done("\(kicked.name) is out.")
    } catch {
      return .failed(noSuchMember(name))
    }
  }

  private func noSuchMember(_ name: String) -> String {
    let nearest = Suggestion.nearest(to: name, among: names)
    return "Nobody here is called \(name)" + (nearest.map { ": did you mean \($0)?" } ?? ".")
  }

  private func ban(_ whom: String) -> OperatorAnswer {
    do throws(OriginBlock.Mistake) {
      return ban(try OriginBlock(text: whom))
    } catch {
      switch error {
      case .bits(let largest):
        return .failed("\(whom): the bits are a number from 0 to \(largest).")
      case .zone:
        return .failed(
          "\(whom): a ban is of an address on every link. Leave out the % and the rest.")
      case .noAddress: return banMember(whom)
      }
    }
  }

  private func banMember(_ name: String) -> OperatorAnswer {
    // Who is put out only to come again was not banned.
    guard host.room.withLock({ $0.bans.count }) < Limits.bans else {
      return .failed("\(Self.noRoom) /unban one of them, or /kick.")
    }
    do throws(Room.KickFailure) {
      let kicked = try host.kick(name, reason: "Banned.", at: now)
      guard kicked.origin != .unknown else {
        return .done(
          "\(kicked.name) is out. It had not come back since the start: no address is known to ban."
        )
      }
      let block = OriginBlock(around: kicked.origin)
      let answer = ban(block)
      if case .failed(let reason) = answer { return .done("\(kicked.name) is out. \(reason)") }
      return .done("\(kicked.name) is out, and \(block.text) is banned.")
    } catch {
      return .failed(noSuchMember(name))
    }
  }

  private func ban(_ block: OriginBlock) -> OperatorAnswer {
    let here = host.room.withLock { room in
      room.describeMembers().filter { block.contains($0.origin) }.map(\.name)
    }
    do throws(Room.BanFailure) {
      try host.room.withLock { room throws(Room.BanFailure) in try room.ban(block) }
    } catch {
      switch error {
      case .full: return .failed(Self.noRoom)
      case .known, .unknown: return .failed("\(block.text) is banned already.")
      }
    }
    let more = here.count > 3 ? " and \(here.count - 3) more" : ""
    let stay =
      here.isEmpty
      ? "" : " Still here from there: \(here.prefix(3).joined(separator: ", "))\(more); /kick."
    return .done("\(block.text) is banned.\(stay)")
  }

  private static let noRoom = "There are \(Limits.bans) bans already."

  private func unban(_ text: String) -> OperatorAnswer {
    do throws(OriginBlock.Mistake) {
      let block = try OriginBlock(text: text)
      do throws(Room.BanFailure) {
        try host.room.withLock { room throws(Room.BanFailure) in try room.unban(block) }
        return .done("\(block.text) is let in again.")
      } catch {
        return .failed("\(block.text) is not banned: /bans lists those that are.")
      }
    } catch {
      return .failed("\(text) is no address: /bans lists those that are banned.")
    }
  }

  // MARK: Limits

  private var limits: [(name: String, words: String, value: Int64)] {
    let settings = host.configuration
    let entries: [(String, String, Int)] = [
      ("max_clients", "members at a time (--max-clients)", settings.room.maxMembers),
      ("rate", "messages a second from each, 0 for no bound (--rate)", settings.rate),
      ("max_lag", "bytes that one may be behind (--max-lag)", settings.maxLag),
      ("history", "past packets that are kept (--history)", settings.room.history),
      (
        "admission_milliseconds", "milliseconds for an admission (--timeout)",
        Int(settings.admissionTime / 1_000_000)
      ),
      ("waiting", "connections that wait for admission", Limits.pendingAdmissions),
      ("line", "bytes of a line from a client", Limits.clientLine),
      ("bans", "bans", Limits.bans),
      ("threads", "threads that serve the connections (--threads)", settings.threads),
    ]
    return entries.map { ($0.0, $0.1, Int64(clamping: $0.2)) }
  }
}
