extension HostSession {
  /// What has become of it that the host's operator may want to know.
  package enum News: Equatable, Sendable {
    /// It is this member's now.
    case admitted(name: String)
    case refused(Room.Refusal)
    /// It was shown that the host knows the password, and did not show that it does: that is how a
    /// wrong guess ends, for whoever guessed knows already.
    case unproven
    /// It was closed for what it sent, or did not send in time. The name is nil for one that was no member.
    case rejected(reason: String, name: String?)
    /// The host closed it. The name is nil for one that was no member, and when the room closes.
    case ended(Farewell, name: String?)
  }

  /// Notes that it is a member's now.
  mutating func noteAdmission(_ name: String) { news.append(.admitted(name: name)) }

  mutating func noteUnproven() {
    if end == nil, news.isEmpty, case .challenged = state { news.append(.unproven) }
  }

  /// Whether there is something to take. Most calls leave nothing.
  package var hasNews: Bool { !news.isEmpty }

  package mutating func takeNews() -> [News] {
    defer { news = [] }
    return news
  }
}
