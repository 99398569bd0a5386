import ChatCore
import Glibc
import Sockets

/// A file of arguments, named on the command line by `@FILE`.
///
/// One argument stands in each line, without quotes; blanks around it do not count. Empty lines and
/// those that begin with `#` are left out. Such a file names no other one.
struct ArgumentFile {
  private let path: String

  /// - Returns: nil for an argument that names no file.
  init?(naming argument: String) {
    guard argument.hasPrefix("@"), argument.utf8.count > 1 else { return nil }
    path = String(argument.dropFirst())
  }

  /// Reads the file.
  func arguments() throws(UsageError) -> [String] {
    let contents: [UInt8]?
    do throws(SystemError) {
      contents = try File.contents(path, limit: Limits.argumentFile)
    } catch {
      throw unreadable(
        error.code == EFBIG ? "it is larger than \(Limits.argumentFile) bytes" : error.reason)
    }
    guard let contents else { throw unreadable("no such file or directory") }
    var arguments: [String] = []
    var number = 0
    for bytes in contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      guard let line = String(validating: bytes, as: UTF8.self) else {
        throw UsageError("\(quoted(path)), line \(number): it is not valid UTF-8", hint: nil)
      }
      let argument = Self.trimmed(line)
      guard !argument.isEmpty, !argument.hasPrefix("#") else { continue }
      try check(argument, line: number)
      arguments.append(argument)
    }
    return arguments
  }

  private static func trimmed(_ line: String) -> String {
    let isBlank = { (scalar: Unicode.Scalar) in scalar == " " || scalar == "\t" || scalar == "\r" }
    let scalars = line.unicodeScalars.drop(while: isBlank)
    guard let end = scalars.lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(scalars[...end])
  }

  private func check(_ argument: String, line: Int) throws(UsageError) {
    if argument.hasPrefix("@") {
      throw UsageError(
        "\(quoted(path)), line \(line): a file of arguments names no other",
        hint: "a value that begins with @ is written --option=@...")
    }
    if argument.unicodeScalars.contains("\0") {
      throw UsageError("\(quoted(path)), line \(line): there is a NUL in it", hint: nil)
    }
    // `--port 12345` in one line is the slip that everybody makes.
    let word = argument.prefix { $0 != " " && $0 != "\t" && $0 != "=" }
    guard argument.hasPrefix("--"), word.count < argument.count,
      argument.dropFirst(word.count).first != "="
    else { return }
    let value = argument.dropFirst(word.count).drop { $0 == " " || $0 == "\t" }
    throw UsageError(
      "\(quoted(path)), line \(line): one argument a line is expected",
      hint: "write \(word)=\(isSecret(word) ? "..." : String(value)), or the value on the next line"
    )
  }

  private func isSecret(_ word: Substring) -> Bool { word == "--\(SharedOption.password.name)" }

  private func unreadable(_ reason: String) -> UsageError {
    UsageError(
      "cannot read the arguments in \(quoted(path)): \(reason)",
      hint: "@FILE stands for the arguments in that file, one a line")
  }
}
