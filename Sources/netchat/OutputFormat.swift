/// What standard output carries.
enum OutputFormat: Equatable, Sendable {
  /// Lines for people.
  case text
  /// One JSON object a line, for programs.
  case json
}
