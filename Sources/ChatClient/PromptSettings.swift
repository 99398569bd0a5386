/// What the user chose for the prompt.
package struct PromptSettings: Equatable, Sendable {
  /// When the terminal's bell rings.
  package enum Bell: String, CaseIterable, Sendable {
    case off
    /// For what names this user, and for private messages.
    case mention
    /// For private messages.
    case `private`
    /// For each message of somebody else.
    case all
  }

  /// What stands before each line.
  package enum Timestamps: String, CaseIterable, Sendable {
    case off
    /// Hours and minutes.
    case short
    /// Date and time, to the second.
    case full
  }

  package var bell = Bell.mention
  package var timestamps = Timestamps.off
  /// Whether it is shown who comes and goes.
  package var showsJoins = true
  package var isColored = true

  package init() {}
}
