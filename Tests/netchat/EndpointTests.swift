import Testing

@testable import netchat

@Suite("names and addresses of hosts")
struct EndpointTests {
  private func endpoint(_ text: String) throws -> Endpoint { try Endpoint(parsing: text) }

  @Test(
    "a host is a name or an address, with or without a port",
    arguments: [
      ("localhost", "localhost", nil), ("localhost:80", "localhost", 80),
      ("example.org:12345", "example.org", 12345), ("127.0.0.1", "127.0.0.1", nil),
      ("127.0.0.1:1", "127.0.0.1", 1), ("::1", "::1", nil), ("::", "::", nil),
      ("[::1]", "::1", nil), ("[::1]:12345", "::1", 12345), ("::1:4000", "::1:4000", nil),
      ("fe80::1%eth0", "fe80::1%eth0", nil), ("[fe80::1%eth0]:9", "fe80::1%eth0", 9),
      ("127.1", "127.1", nil), ("my_host-2.", "my_host-2.", nil),
      ("bücher.example", "bücher.example", nil),
    ] as [(String, String, UInt16?)])
  func good(text: String, host: String, port: UInt16?) throws {
    #expect(try endpoint(text) == Endpoint(host: host, port: port))
  }

  @Test(
    "what is neither is refused",
    arguments: [
      ("", "it is empty"), (":80", "the host is missing"), (":", "the host is missing"),
      ("localhost:", "the port after the colon is missing"), ("localhost:0", "'0' is not a port"),
      ("localhost:65536", "'65536' is not a port"), ("localhost:x", "'x' is not a port"),
      ("localhost:-1", "'-1' is not a port"), ("localhost:+1", "'+1' is not a port"),
      ("12345", "a number is not a host"), ("12345:1", "a number is not a host"),
      ("[::1", "']' is missing"), ("[", "']' is missing"), ("[]", "'' is not an IPv6 address"),
      ("[::1]x", "after ']' only a colon and a port may follow"),
      ("[::1]:", "the port after the colon is missing"), ("[::1]:0", "'0' is not a port"),
      ("[localhost]:1", "'localhost' is not an IPv6 address"),
      ("[127.0.0.1]:1", "'127.0.0.1' is not an IPv6 address"),
      ("a:b:c", "it is not an IPv6 address"), ("::g", "it is not an IPv6 address"),
      ("1:2:3", "it is not an IPv6 address"), ("::1:12345", "it is not an IPv6 address"),
      ("256.0.0.1", "it is not an IPv4 address"),
      ("1.2.3.", "it is not an IPv4 address"), ("http://example.org", "it is a URL"),
      ("http://example.org:80/", "it is a URL"), ("a b", "it is not the name of a host"),
      ("a/b", "it is not the name of a host"), ("user@host", "it is not the name of a host"),
      ("-x", "it is not the name of a host"), ("a\u{1B}[2J", "it is not the name of a host"),
      ("a\n", "it is not the name of a host"), ("a]", "it is not the name of a host"),
      ("a\u{202E}b", "it is not the name of a host"),
      (String(repeating: "a", count: 254), "it is longer than 253 bytes"),
    ])
  func bad(text: String, expected: String) throws {
    let error = try #require(throws: ValueProblem.self) { try endpoint(text) }
    #expect(error.problem == expected)
  }

  @Test("--host and --bind take no port, but brackets")
  func withoutPort() throws {
    #expect(try clintArguments("--host [::1]").host == "::1")
    #expect(try hostArguments("--bind [::]").bind == "::")
    let error = try usageError("clint --host localhost:80")
    #expect(error.message == "invalid value 'localhost:80' for --host: it has a port")
    #expect(error.hint == "give the port with --port")
    #expect(try usageError("clint --host [::1]:80").message.contains("'[::1]:80'"))
  }

  @Test(
    "an IPv6 address is eight groups, or fewer with one gap",
    arguments: [
      "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::8",
      "2001:DB8::ff00:42:8329", "::ffff:192.0.2.1", "1:2:3:4:5:6:192.0.2.1", "fe80::1%2",
    ])
  func goodIPv6(text: String) {
    #expect(Endpoint.isIPv6Address(text))
  }

  @Test(
    "anything else is not an IPv6 address",
    arguments: [
      "", ":", ":::", "1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "::12345",
      ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", ":1::2",
      "1::2:",
      "::g", "::ffff:256.0.0.1", "::192.0.2.1:1", "::192.0.2", "1:2:3:4:5:6:7:192.0.2.1",
      "fe80::1%",
      "fe80::1%a b", "::-1", "::１", "::1 ",
    ])
  func badIPv6(text: String) {
    #expect(!Endpoint.isIPv6Address(text))
  }
}
