/// Where a host is: `HOST`, `HOST:PORT`, `ADDRESS`, `[ADDRESS]`, `[ADDRESS]:PORT` or `unix:PATH`.
struct Endpoint: Equatable, Sendable {
  /// A name or an address, an IPv6 address without brackets; or all of `unix:PATH`.
  let host: String
  let port: UInt16?

  /// The path of a unix socket; nil for a host.
  var unixPath: String? { Self.unixPath(in: host) }

  /// `unix:4000` is the port of a host called unix, a path begins with one of these.
  private static func unixPath(in text: String) -> String? {
    guard text.hasPrefix("unix:") else { return nil }
    let path = text.dropFirst("unix:".count)
    return path.first.map { "/.@".contains($0) } ?? false ? String(path) : nil
  }

  init(host: String, port: UInt16? = nil) {
    self.host = host
    self.port = port
  }

  /// Reads what the user typed. Two colons or more without brackets are an IPv6 address and no
  /// port, for `::1:4000` is an address too.
  init(parsing text: String) throws(ValueProblem) {
    if Endpoint.unixPath(in: text) != nil {
      host = text
      port = nil
      return
    }
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { throw ValueProblem("']' is missing") }
      let inside = String(text[text.index(after: text.startIndex)..<end])
      guard Endpoint.isIPv6Address(inside) else {
        throw ValueProblem("\(quoted(inside)) is not an IPv6 address")
      }
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") else {
        throw ValueProblem("after ']' only a colon and a port may follow")
      }
      self.host = inside
      self.port = rest.isEmpty ? nil : try Endpoint.port(in: String(rest.dropFirst()))
      return
    }
    try Endpoint.refuseURL(text)
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count == 2 {
      let port = String(parts[1])
      guard !parts[0].isEmpty else {
        throw ValueProblem("the host is missing", hint: "this machine is localhost:\(port)")
      }
      self.host = try Endpoint.host(in: String(parts[0]))
      self.port = try Endpoint.port(in: port)
    } else {
      self.host = try Endpoint.host(in: text)
      self.port = nil
    }
  }

  private static func port(in text: String) throws(ValueProblem) -> UInt16 {
    guard !text.isEmpty else { throw ValueProblem("the port after the colon is missing") }
    let kind = ValueKind.port(allowZero: false)
    do throws(ValueProblem) {
      return try kind.read(text).port
    } catch {
      throw ValueProblem("\(quoted(text)) is not a port", hint: kind.allowed)
    }
  }

  /// Reads a name or an address without a port; brackets around an IPv6 address are taken off.
  /// Only the form is checked: whether it exists is for the resolver to say.
  static func host(in text: String) throws(ValueProblem) -> String {
    guard !text.isEmpty else { throw ValueProblem("it is empty") }
    if text.hasPrefix("["), text.hasSuffix("]") {
      let inside = String(text.dropFirst().dropLast())
      guard isIPv6Address(inside) else {
        throw ValueProblem("\(quoted(inside)) is not an IPv6 address")
      }
      return inside
    }
    try refuseURL(text)
    let colons = text.count { $0 == ":" }
    if colons == 1 {
      throw ValueProblem("it has a port", hint: "give the port with --port")
    }
    if colons > 1 {
      guard isIPv6Address(text) else {
        throw ValueProblem(
          "it is not an IPv6 address",
          hint: "an IPv6 address with a port is written [::1]:12345")
      }
      return text
    }
    if text.utf8.allSatisfy(isDigit) {
      // The resolver would take 12345 for the address 0.0.48.57.
      throw ValueProblem("a number is not a host", hint: "a port is given with --port")
    }
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    if labels.count == 4, labels.allSatisfy({ $0.utf8.allSatisfy(isDigit) }),
      !isIPv4Address(text)
    {
      throw ValueProblem("it is not an IPv4 address")
    }
    guard text.utf8.count <= 253 else { throw ValueProblem("it is longer than 253 bytes") }
    guard text.unicodeScalars.allSatisfy(isAllowedInName), !text.hasPrefix("-") else {
      throw ValueProblem("it is not the name of a host")
    }
    return text
  }

  private static func refuseURL(_ text: String) throws(ValueProblem) {
    if text.contains("://") {
      throw ValueProblem("it is a URL", hint: "give the host alone, such as example.org")
    }
  }

  private static func isAllowedInName(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".": true
    // The resolver may know what to do with names in other scripts.
    default: scalar.properties.isAlphabetic && !scalar.isASCII
    }
  }

  /// Whether the text is four decimal numbers from 0 to 255.
  static func isIPv4Address(_ text: some StringProtocol) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy {
        (1...3).contains($0.utf8.count) && $0.utf8.allSatisfy(isDigit) && (Int($0) ?? 256) <= 255
      }
  }

  /// Whether the text is an address of RFC 4291, section 2.2, with a zone (`%eth0`) or without.
  static func isIPv6Address(_ text: String) -> Bool {
    let zoned = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    if zoned.count == 2 {
      let zone = zoned[1].unicodeScalars
      guard !zone.isEmpty, zone.allSatisfy(isAllowedInName) else { return false }
    }
    let groups = zoned[0].split(separator: ":", omittingEmptySubsequences: false)
    guard groups.count > 2 else { return false }
    var length = 0
    var gaps = 0
    for (index, group) in groups.enumerated() {
      if group.isEmpty {
        // One gap; at an end of the address it leaves two empty groups.
        if index == 0 {
          guard groups[1].isEmpty else { return false }
        } else if index == groups.count - 1 {
          guard groups[index - 1].isEmpty else { return false }
        } else {
          gaps += 1
        }
      } else if index == groups.count - 1, group.contains(".") {
        guard isIPv4Address(group) else { return false }
        length += 2
      } else {
        guard group.utf8.count <= 4, group.utf8.allSatisfy(isHexDigit) else { return false }
        length += 1
      }
    }
    // A gap stands for at least one group of zeros.
    return gaps == 0 ? length == 8 : gaps == 1 && length <= 7
  }
}

func isDigit(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

private func isHexDigit(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
    UInt8(ascii: "A")...UInt8(ascii: "F"):
    true
  default: false
  }
}
