import Foundation

@testable import netchat

/// A manual page in `man/`, whose lists of options and examples are made from the table.
///
/// What is made stands between `.\" begin NAME` and `.\" end NAME`; the rest is written by hand.
struct ManualPage {
  let command: Command
  let url: URL

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "man")

  init(_ command: Command) {
    self.command = command
    url = Self.folder.appending(path: "netchat-\(command.name).1")
  }

  /// The page as it is, and as it should be.
  func read() throws -> (committed: String, fresh: String) {
    let committed = try String(contentsOf: url, encoding: .utf8)
    var lines: [String] = []
    var isMade = false
    for line in committed.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix(".\\\" end ") { isMade = false }
      if !isMade { lines.append(String(line)) }
      if line.hasPrefix(".\\\" begin ") {
        isMade = true
        lines += made(String(line.dropFirst(".\\\" begin ".count)))
      }
    }
    return (committed, lines.joined(separator: "\n"))
  }

  private func made(_ part: String) -> [String] {
    switch part {
    case "synopsis": synopsis
    case "options": options
    case "examples": examples
    default: ["there is no part \(part)"]
    }
  }

  private var synopsis: [String] {
    [".Nm netchat \(command.name)"]
      + command.ownOptions.map { option in
        let value = option.valueName.map { " Ar \(escaped($0))" } ?? ""
        return ".Op Fl -\(option.name)\(value)" + (option.isRepeatable ? " ..." : "")
      } + command.operands.map { ".Op Ar \(escaped($0.name))" }
  }

  private var options: [String] {
    var lines = [".Bl -tag -width Ds"]
    for option in command.options {
      let short = option.short.map { "Fl \($0) , " } ?? ""
      let value = option.valueName.map { " Ar \(escaped($0))" } ?? ""
      lines.append(".It \(short)Fl -\(option.name)\(value)")
      lines.append(sentence(escaped(option.help)))
      lines += facts(of: option).map { sentence(escaped($0)) }
    }
    return lines + [".El"]
  }

  /// What the table knows of an option beside its help, a sentence each.
  private func facts(of option: Option) -> [String] {
    var facts: [String] = []
    if let bounds = option.kind?.bounds { facts.append(bounds) }
    for requirement in command.requirements where requirement.option.name == option.name {
      facts.append("Needs " + requirement.anyOf.map { "--\($0.name)" }.joined(separator: " or "))
    }
    let excluded = command.exclusions.filter { $0.contains { $0.name == option.name } }
      .flatMap { $0 }.map { "--\($0.name)" }.filter { $0 != "--\(option.name)" }
    if !excluded.isEmpty { facts.append("Not with \(excluded.joined(separator: ", "))") }
    if option.isRepeatable { facts.append("May be given more than once") }
    if let text = option.defaultText { facts.append("Default: \(text)") }
    return facts
  }

  private var examples: [String] {
    command.examples.flatMap { example in
      [
        sentence(escaped(example.meaning)).replacing(/\.$/, with: ":"),
        ".Dl $ \(escaped(example.commandLine))",
      ]
    }
  }

  private func sentence(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst() + (text.hasSuffix(".") ? "" : ".")
  }

  /// Text that mdoc takes as it is.
  private func escaped(_ text: String) -> String {
    let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
  }
}
