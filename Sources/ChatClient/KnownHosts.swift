import Glibc
import OpenSSL
import Sockets

/// What a client remembers of hosts (PROTOCOL, section 10): a file of lines, one a host and port.
///
///     example.org:12345 secure
///     [::1]:12345 SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU
///
/// Empty lines and those that begin with `#` are kept as they are. Any other line is an error, for
/// a host whose line cannot be read is not a host that is unknown.
package struct KnownHosts: Sendable {
  package enum Entry: Equatable, Sendable {
    /// A room that the password protects.
    case secure
    /// A room with TLS alone, whose certificate was accepted.
    case certificate(Fingerprint)
  }

  package enum Failure: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String, SystemError)
    case unwritable(path: String, SystemError)
    /// The first line has number 1.
    case invalidLine(path: String, number: Int, reason: String)

    package var description: String {
      switch self {
      case .unreadable(let path, let error): "cannot read \(path): \(error.reason)"
      case .unwritable(let path, let error): "cannot write \(path): \(error.reason)"
      case .invalidLine(let path, let number, let reason): "\(path), line \(number): \(reason)"
      }
    }
  }

  /// Some 10,000 hosts.
  private static let largestFile = 1 << 20

  package let path: String

  package init(path: String) { self.path = path }

  /// `$XDG_STATE_HOME/netchat/known_hosts`, else the same under `~/.local/state`; nil for a user
  /// without a home.
  package static var standardPath: String? {
    // By the XDG specification a relative path there does not count.
    if let state = Machine.environment("XDG_STATE_HOME"), state.hasPrefix("/") {
      return state + "/netchat/known_hosts"
    }
    return Machine.homeDirectory.map { $0 + "/.local/state/netchat/known_hosts" }
  }

  /// What is remembered of a host and port; nil if nothing is.
  package func entry(host: String, port: UInt16) throws(Failure) -> Entry? {
    let place = Self.place(host, port)
    return try lines().first { $0.place == place }?.entry
  }

  /// Remembers, in place of what was remembered before.
  package func remember(_ entry: Entry, host: String, port: UInt16) throws(Failure) {
    let place = Self.place(host, port)
    let directory = File.directory(of: path)
    do throws(SystemError) {
      try File.makeDirectories(directory)
    } catch {
      throw .unwritable(path: path, error)
    }
    let lock = try lock()
    var lines = try lines()
    let line = Line(place: place, entry: entry)
    if let index = lines.firstIndex(where: { $0.place == place }) {
      lines[index] = line
    } else {
      lines.append(line)
    }
    try write(lines)
    _ = consume lock
  }

  /// Forgets a host and port; false if nothing was remembered.
  package func forget(host: String, port: UInt16) throws(Failure) -> Bool {
    let place = Self.place(host, port)
    // Without the file, or its directory, there is nothing to lock either.
    guard try lines().contains(where: { $0.place == place }) else { return false }
    let lock = try lock()
    var lines = try lines()
    let before = lines.count
    lines.removeAll { $0.place == place }
    if lines.count < before { try write(lines) }
    _ = consume lock
    return lines.count < before
  }

  // MARK: The file

  private struct Line {
    /// As it stands in the file.
    let text: String
    /// nil for a comment or an empty line.
    let place: String?
    let entry: Entry?

    init(place: String, entry: Entry) {
      let value =
        switch entry {
        case .secure: "secure"
        case .certificate(let fingerprint): fingerprint.description
        }
      text = "\(place) \(value)"
      self.place = place
      self.entry = entry
    }

    /// Reads a line of the file; fails with the reason.
    init(_ text: String) throws(Reason) {
      self.text = text
      let words = text.split { $0 == " " || $0 == "\t" }
      guard let first = words.first, !first.hasPrefix("#") else {
        place = nil
        entry = nil
        return
      }
      guard let place = KnownHosts.place(reading: String(first)) else {
        throw Reason("'\(first)' is not HOST:PORT")
      }
      guard words.count == 2 else {
        throw Reason("after HOST:PORT one word is expected, 'secure' or a fingerprint")
      }
      self.place = place
      if words[1] == "secure" {
        entry = .secure
      } else if words[1].hasPrefix("SHA256:"), let fingerprint = Fingerprint(String(words[1])) {
        entry = .certificate(fingerprint)
      } else {
        throw Reason("'\(words[1])' is neither 'secure' nor a fingerprint SHA256:…")
      }
    }
  }

  private struct Reason: Error {
    let words: String
    init(_ words: String) { self.words = words }
  }

  /// The lines of the file; none where there is no file.
  private func lines() throws(Failure) -> [Line] {
    let contents: [UInt8]?
    do throws(SystemError) {
      contents = try File.contents(path, limit: Self.largestFile)
    } catch {
      throw .unreadable(path: path, error)
    }
    guard let contents else { return [] }
    var lines: [Line] = []
    var seen: Set<String> = []
    var parts = contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if parts.last?.isEmpty == true { parts.removeLast() }
    for (index, part) in parts.enumerated() {
      do throws(Reason) {
        // Editors of other systems end lines by CR LF.
        let isReturned = part.last == UInt8(ascii: "\r")
        guard let text = String(validating: part.dropLast(isReturned ? 1 : 0), as: UTF8.self) else {
          throw Reason("it is not UTF-8")
        }
        let line = try Line(text)
        if let place = line.place, !seen.insert(place).inserted {
          throw Reason("\(place) stands in an earlier line already")
        }
        lines.append(line)
      } catch {
        throw .invalidLine(path: path, number: index + 1, reason: error.words)
      }
    }
    return lines
  }

  private func lock() throws(Failure) -> Descriptor {
    do throws(SystemError) {
      return try File.lock(directory: File.directory(of: path), atMost: File.lockTime)
    } catch {
      throw .unwritable(path: path, error)
    }
  }

  private func write(_ lines: [Line]) throws(Failure) {
    let bytes = lines.flatMap { Array($0.text.utf8) + [UInt8(ascii: "\n")] }
    do throws(SystemError) {
      guard bytes.count <= Self.largestFile else { throw SystemError("write", code: EFBIG) }
      // A link to the file stays one.
      let file = try StagedFile.write(
        bytes.span, for: File.target(ofLink: path) ?? path, mode: 0o600)
      try file.replace()
    } catch {
      throw .unwritable(path: path, error)
    }
  }

  // MARK: Hosts and ports

  /// How a host and port stand in the file: in one way, however they are written.
  private static func place(_ host: String, _ port: UInt16) -> String {
    var name = host.lowercased()
    // A name that ends in a dot is the same, looked up without the search list.
    if name.hasSuffix("."), name.utf8.count > 1 { name.removeLast() }
    return Address.join(host: Address.shortestIPv6(name) ?? name, port: port)
  }

  /// Reads `HOST:PORT` or `[ADDRESS]:PORT`.
  private static func place(reading text: String) -> String? {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
      port > 0, !text[text.index(after: colon)...].hasPrefix("+")
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
      guard Address.shortestIPv6(String(host)) != nil else { return nil }
    } else {
      guard !host.contains(where: { $0 == ":" || $0 == "[" || $0 == "]" }) else { return nil }
    }
    return host.isEmpty ? nil : place(String(host), port)
  }
}
