import Testing

@testable import netchat

@Suite("the arguments of the commands")
struct ArgumentsTests {
  @Test("host has defaults for what was not said")
  func hostDefaults() throws {
    let arguments = try hostArguments("")
    #expect(arguments.bind == nil)
    #expect(arguments.port == nil)
    #expect(arguments.timeout == .seconds(10))
    #expect(arguments.security == nil)
    #expect(arguments.password == nil)
    #expect(arguments.passwordFile == nil)
    #expect(arguments.cert == nil)
    #expect(arguments.key == nil)
    #expect(arguments.history == 1000)
    #expect(arguments.maxClients == nil)
    #expect(arguments.maxLag == 8_388_608)
    #expect(arguments.rate == 100)
    #expect(arguments.threads == nil)
    #expect(arguments.format == .text)
  }

  @Test("host takes every option")
  func hostOptions() throws {
    let arguments = try hostArguments(
      """
      --bind ::1 --port 0 --timeout 2.5 --secure --tls --password x --cert c \
      --key k --history 0 --max-clients 7 --max-lag 65536 --rate 0 --threads 64 --json
      """)
    #expect(arguments.bind == "::1")
    #expect(arguments.port == 0)
    #expect(arguments.timeout == .milliseconds(2500))
    #expect(arguments.security == .secure)
    #expect(arguments.password == secret("x"))
    #expect(arguments.cert == "c")
    #expect(arguments.key == "k")
    #expect(arguments.history == 0)
    #expect(arguments.maxClients == 7)
    #expect(arguments.maxLag == 65_536)
    #expect(arguments.rate == nil)
    #expect(arguments.threads == 64)
    #expect(arguments.format == .json)
  }

  @Test("one of three words says how a room is protected")
  func security() throws {
    #expect(try hostArguments("--plain").security == .plain)
    #expect(try hostArguments("--tls").security == .tls)
    #expect(try hostArguments("--secure").security == .secure)
  }

  @Test("a password asks for a secure room, and is never taken for one in clear text")
  func passwordMeansSecure() throws {
    for options in [
      "--password x", "--password-file p", "--generate-password", "--tls --password x",
    ] {
      #expect(try hostArguments(options).security == .secure)
    }
    for options in [
      "--plain --password x", "--plain --password-file p", "--plain --generate-password",
    ] {
      #expect(throws: UsageError.self) { try hostArguments(options) }
    }
  }

  @Test("clint has defaults for what was not said")
  func clintDefaults() throws {
    let arguments = try clintArguments("")
    #expect(arguments.host == nil)
    #expect(arguments.port == nil)
    #expect(arguments.name == nil)
    #expect(arguments.timeout == .seconds(10))
    #expect(arguments.history == 0)
    #expect(arguments.format == .text)
  }

  @Test("clint takes every option")
  func clintOptions() throws {
    let arguments = try clintArguments(
      "--host example.org --port 1 --name Al --timeout 0 --history 1000000 --json")
    #expect(arguments.host == "example.org")
    #expect(arguments.port == 1)
    #expect(arguments.name == "Al")
    #expect(arguments.timeout == nil)
    #expect(arguments.history == 1_000_000)
    #expect(arguments.format == .json)
  }

  @Test("clint's operand says host and port")
  func operand() throws {
    #expect(try clintArguments("example.org").port == nil)
    #expect(try clintArguments("example.org:80").port == 80)
    #expect(try clintArguments("example.org:80 --port 80").port == 80)
    #expect(try clintArguments("example.org --port 80").port == 80)
    #expect(try clintArguments("[::1]:80").host == "::1")
    #expect(try clintArguments("::1 --port 80").port == 80)
  }

  @Test("clint's operand and options do not contradict each other")
  func contradiction() throws {
    let host = try usageError("clint example.org --host localhost")
    #expect(host.message == "the host is given twice: 'example.org' and --host")
    // The same host twice is a slip as well.
    #expect(throws: UsageError.self) { try clintArguments("a --host a") }
    let port = try usageError("clint example.org:80 --port 81")
    #expect(port.message == "the port is given twice: 80 with the host and --port 81")
    // A default is not an answer of the user's.
    #expect(try clintArguments("example.org:80").port == 80)
  }
}
