import OpenSSL

/// One thing that selftest looks at.
struct SelftestCheck: Sendable {
  /// Why it does not hold.
  struct Failure: Error, Equatable {
    let reason: String
    /// What to do about it.
    let hint: String?

    init(_ reason: String, hint: String? = nil) {
      self.reason = reason
      self.hint = hint
    }
  }

  /// What holds, as its line says it.
  let name: String
  let run: @Sendable () throws(Failure) -> Void

  init(_ name: String, _ run: @escaping @Sendable () throws(Failure) -> Void) {
    self.name = name
    self.run = run
  }

  /// A check that visits rooms.
  static func visiting(
    _ name: String, _ visit: @escaping @Sendable () throws(Visitor.Failure) -> Void
  ) -> SelftestCheck {
    SelftestCheck(name) { () throws(Failure) in
      do throws(Visitor.Failure) {
        try visit()
      } catch {
        throw Failure(error.reason, hint: hint(for: error))
      }
    }
  }

  private static func hint(for failure: Visitor.Failure) -> String? {
    failure.reason.contains("too many open files")
      ? "more files may be open after: ulimit -n 1024" : nil
  }

  /// All that can be looked at without another machine.
  static var all: [SelftestCheck] {
    KnownAnswers.all.map(answer) + [ReaderChecks.check] + RoomChecks.all
  }

  /// A check of the cryptography against an answer from outside.
  static func answer(_ known: KnownAnswers.Check) -> SelftestCheck {
    SelftestCheck("\(known.name) gives the answers of \(known.source)") { () throws(Failure) in
      let holds: Bool
      do throws(OpenSSLError) {
        holds = try known.holds()
      } catch {
        throw Failure("\(error)", hint: advice)
      }
      guard holds else { throw Failure("another answer came out", hint: advice) }
    }
  }

  private static let advice =
    "do not use secure rooms with this build: its OpenSSL is another one than it was made for"
}
