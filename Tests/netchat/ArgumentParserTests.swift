import Testing

@testable import netchat

@Suite("the command line")
struct ArgumentParserTests {
  private static let commands = "the commands are host, clint, gencert, selftest, completions, help"

  // MARK: Commands

  @Test("without a command there is an error that names the commands", arguments: ["", "--"])
  func missingCommand(line: String) throws {
    let error = try usageError(line)
    #expect(error.message == "a command is missing")
    #expect(error.hint == Self.commands)
  }

  @Test(
    "help is for the program or for one command",
    arguments: [
      ("--help", nil), ("-h", nil), ("help", nil), ("help host", "host"),
      ("help clint", "clint"), ("help help", "help"), ("host --help", "host"),
      ("host -h", "host"), ("clint --help", "clint"), ("help --help", "help"),
      ("host --port 1 --help", "host"), ("host --help --nonsense", "host"),
      ("host --cert a --help", "host"), ("--help --nonsense", nil),
    ] as [(String, String?)])
  func help(line: String, topic: String?) throws {
    guard case .help(let command) = try parse(line) else {
      Issue.record("not help")
      return
    }
    #expect(command?.name == topic)
  }

  @Test(
    "the version is told before and after a command",
    arguments: ["--version", "host --version", "clint --version", "host --json --version"])
  func version(line: String) throws {
    guard case .version = try parse(line) else {
      Issue.record("not version")
      return
    }
  }

  @Test(
    "an unknown command names the one that was meant",
    arguments: [
      ("client", "clint"), ("clnt", "clint"), ("Host", "host"), ("hots", "host"),
      ("hlep", "help"), ("cli", "clint"),
    ])
  func unknownCommand(typed: String, meant: String) throws {
    let error = try usageError(typed)
    #expect(error.message == "there is no command '\(typed)'")
    #expect(error.hint == "did you mean netchat \(meant)?")
    let inHelp = try usageError("help \(typed)")
    #expect(inHelp.hint == "did you mean \(meant)?")
  }

  @Test("an unknown command that is near none gets the list", arguments: ["serve", "x", "-"])
  func farCommand(typed: String) throws {
    #expect(
      try usageError(typed).hint == Self.commands)
  }

  @Test("the command may stand after --")
  func commandAfterDashes() throws {
    guard case .host = try parse("-- host") else {
      Issue.record("not host")
      return
    }
  }

  @Test(
    "an option before the command is shown where it belongs",
    arguments: [
      ("--port 1 host", "--port", "netchat host --port PORT"),
      ("--port=1 clint", "--port", "netchat clint --port PORT"),
      ("--name x", "--name", "netchat clint --name NAME"),
      ("--bind ::", "--bind", "netchat host --bind ADDR"),
      ("--json clint", "--json", "netchat clint --json"),
    ])
  func optionBeforeCommand(line: String, option: String, place: String) throws {
    let error = try usageError(line)
    #expect(error.message == "\(option) stands before the command")
    #expect(error.hint == "options follow it: \(place)")
  }

  @Test("an unknown option before the command is compared with all options")
  func unknownOptionBeforeCommand() throws {
    #expect(try usageError("--prot 1 host").hint == "did you mean --port?")
    #expect(try usageError("--verison").hint == "did you mean --version?")
    #expect(try usageError("--zzzzzz").hint == "see netchat help")
  }

  // MARK: Options

  @Test("a value stands after its option or after =")
  func bothForms() throws {
    #expect(try hostArguments("--port 4000") == hostArguments("--port=4000"))
    #expect(try hostArguments("--password=a=b").password == secret("a=b"))
    #expect(try hostArguments("--password=--secure").password == secret("--secure"))
    #expect(try hostArguments("--password -x").password == secret("-x"))
    #expect(try hostArguments("--password-file -").passwordFile == "-")
  }

  @Test(
    "an unknown option names the one that was meant",
    arguments: [
      ("--prot", "--port"), ("--PORT", "--port"), ("-port", "--port"), ("--prot=1", "--port"),
      ("--timeuot", "--timeout"), ("--max_clients", "--max-clients"), ("--jsno", "--json"),
      ("--hist", "--history"), ("--pass", "--password"), ("--passwordfile", "--password-file"),
      ("--hepl", "--help"), ("--threat", "--threads"),
    ])
  func unknownOption(typed: String, meant: String) throws {
    let error = try usageError("host \(typed)")
    let name = typed.split(separator: "=")[0]
    #expect(error.message == "unknown option '\(name)'")
    #expect(error.hint == "did you mean \(meant)?")
  }

  @Test(
    "an unknown option that is near none points to the help",
    arguments: ["--zebra", "-x", "-5", "--=5", "---", "-p"])
  func farOption(typed: String) throws {
    let error = try usageError("host \(typed)")
    #expect(error.message.hasPrefix("unknown option '"))
    #expect(error.hint == "see netchat help host")
  }

  @Test("an option of another command is said to be one")
  func foreignOption() throws {
    let error = try usageError("clint --bind ::")
    #expect(error.message == "clint has no option --bind")
    #expect(error.hint == "it is an option of netchat host")
    #expect(try usageError("host --name x").hint == "it is an option of netchat clint")
  }

  @Test("each option with a value needs one", arguments: CommandTable.commands.map(\.name))
  func missingValue(name: String) throws {
    let command = try #require(CommandTable.command(named: name))
    for option in command.options where option.value != nil {
      for rest in ["", " --json", " --", " -h", " --help"] {
        let error = try usageError("\(name) --\(option.name)\(rest)")
        #expect(error.message == "--\(option.name) needs a value")
        #expect(error.hint != nil)
      }
    }
  }

  @Test("a value with dashes that was refused is shown how to write")
  func dashedValue() throws {
    let hint = "a value that begins with dashes is written --password=TEXT"
    #expect(try usageError("host --password --x").hint == hint)
  }

  @Test("no flag takes a value, and the value is not repeated")
  func flagWithValue() throws {
    for command in CommandTable.commands {
      for option in command.options where option.value == nil {
        let error = try usageError("\(command.name) --\(option.name)=hunter2")
        #expect(error.message == "--\(option.name) takes no value")
        #expect(error.hint?.contains("hunter2") == false)
      }
    }
    #expect(try usageError("--version=2").message == "--version takes no value")
    #expect(try usageError("-h=2").message == "-h takes no value")
  }

  @Test("an option is given once")
  func repeatedOption() throws {
    #expect(try usageError("host --port 1 --port 1").message == "--port is given twice")
    #expect(try usageError("host --json --port 1 --json").message == "--json is given twice")
    #expect(try usageError("clint --name a --name=b").message == "--name is given twice")
  }

  @Test("a repeatable option keeps all its values, in order")
  func repeatableOption() throws {
    let listen = Option("listen", "PORT", .port(allowZero: false), isRepeatable: true, help: "x")
    let command = command(options: [listen]) { arguments throws(UsageError) in
      let ports = arguments.all(of: listen).map { String($0.port) }
      throw UsageError(ports.joined(separator: ","))
    }
    let error = #expect(throws: UsageError.self) {
      try ArgumentParser.parse(["--listen", "3", "--listen=1", "--listen", "2"], for: command)
    }
    #expect(error?.message == "3,1,2")
  }

  @Test("a choice is one of a list, and the nearest is offered")
  func choice() throws {
    let colour = Option("colour", "WHEN", .choice(["always", "never"]), help: "x")
    let command = command(options: [colour]) { arguments throws(UsageError) in
      throw UsageError(arguments[colour]?.text ?? "none")
    }
    func message(_ arguments: [String]) throws -> UsageError {
      try #require(throws: UsageError.self) {
        try ArgumentParser.parse(arguments[...], for: command)
      }
    }
    #expect(try message([]).message == "none")
    #expect(try message(["--colour", "never"]).message == "never")
    #expect(try message(["--colour", "nevr"]).hint == "did you mean never?")
    #expect(try message(["--colour", "x"]).hint == "give one of always, never")
  }

  private func command(
    options: [Option],
    invocation: @escaping @Sendable (ParsedArguments) throws(UsageError) -> Invocation
  ) -> Command {
    Command(
      name: "test", summary: "x", operands: [], ownOptions: options, exclusions: [],
      requirements: [], notes: [], examples: [], invocation: invocation)
  }

  @Test(
    "options that exclude each other are not given together",
    arguments: [
      ("--secure --plain", "--secure", "--plain"), ("--plain --secure", "--secure", "--plain"),
      ("--plain --tls", "--plain", "--tls"), ("--tls --json --plain", "--plain", "--tls"),
      ("--plain --tls --cert c", "--plain", "--tls"),
    ])
  func exclusions(line: String, first: String, second: String) throws {
    #expect(try usageError("host \(line)").message == "\(first) and \(second) exclude each other")
  }

  @Test(
    "certificate and key need each other, and TLS",
    arguments: [
      ("--cert c", "--cert needs --key"), ("--key k", "--key needs --cert"),
      ("--cert c --tls", "--cert needs --key"), ("--key k --secure", "--key needs --cert"),
      ("--cert c --key k", "--cert needs --tls or --secure"),
      ("--cert c --key k --plain", "--cert needs --tls or --secure"),
    ])
  func requirements(line: String, message: String) throws {
    let error = try usageError("host \(line)")
    #expect(error.message == message)
    #expect(error.hint?.hasPrefix("add --") == true)
  }

  @Test(
    "who gives a password asks for a secure room, and for what goes with one",
    arguments: ["--password p", "--password-file p", "--generate-password"])
  func impliedSecurity(password: String) throws {
    for options in ["--cert c --key k", "--compat"] {
      #expect(try hostArguments("\(password) \(options)").security == .secure)
    }
    #expect(
      try usageError("host \(password) --tls-min 1.2").message == "a secure room takes TLS 1.3 only"
    )
  }

  // MARK: Operands

  @Test("host takes no operands", arguments: ["x", "--", "-"])
  func hostOperands(operand: String) throws {
    let error = try usageError("host -- \(operand)")
    #expect(error.message == "unexpected argument '\(operand)'")
  }

  @Test("clint and help take one operand")
  func oneOperand() throws {
    #expect(try usageError("clint a b").message == "unexpected argument 'b'")
    #expect(try usageError("clint a b").hint == "netchat clint takes one HOST[:PORT]")
    #expect(try usageError("help host clint").message == "unexpected argument 'clint'")
  }

  @Test("operands may stand anywhere, and after -- nothing is an option")
  func operandPlaces() throws {
    let expected = try clintArguments("example.org --port 1 --json")
    #expect(try clintArguments("--port 1 example.org --json") == expected)
    #expect(try clintArguments("--port 1 --json -- example.org") == expected)
    let error = try usageError("clint -- --json")
    #expect(error.message == "invalid HOST[:PORT] '--json': it is not the name of a host")
  }

  @Test("an empty argument is an operand")
  func emptyArgument() throws {
    let error = try usageError(arguments: ["clint", ""])
    #expect(error.message == "invalid HOST[:PORT] '': it is empty")
    #expect(try usageError(arguments: [""]).message == "there is no command ''")
    #expect(try usageError(arguments: ["host", ""]).message == "unexpected argument ''")
  }

  // MARK: Values

  @Test("a negative number is a bad value, not an unknown option")
  func negativeNumbers() throws {
    for name in ["port", "timeout", "history", "max-clients", "max-lag", "rate", "threads"] {
      for separator in [" ", "="] {
        let error = try usageError("host --\(name)\(separator)-1")
        #expect(error.message == "invalid value '-1' for --\(name): it is negative")
      }
    }
    #expect(try usageError("host --timeout -0.5").message.hasSuffix("it is negative"))
  }

  @Test("a bad value is told with what is allowed")
  func badValue() throws {
    let error = try usageError("host --threads 65")
    #expect(error.message == "invalid value '65' for --threads: it is more than 64")
    #expect(error.hint == "give a whole number from 1 to 64")
  }

  @Test("no option takes an empty value")
  func emptyValues() throws {
    for command in CommandTable.commands {
      for option in command.options where option.value != nil {
        let error = try usageError("\(command.name) --\(option.name)=")
        #expect(error.message.hasSuffix("for --\(option.name): it is empty"))
        let apart = try usageError(arguments: [command.name, "--\(option.name)", ""])
        #expect(apart == error)
      }
    }
  }

  @Test("a value that was not UTF-8 is refused, and a password is not repeated")
  func brokenEncoding() throws {
    let file = try usageError("host --password-file a\u{FFFD}")
    #expect(file.message == "invalid value 'a\u{FFFD}' for --password-file: it is not valid UTF-8")
    let password = try usageError("host --password a\u{FFFD}")
    #expect(password.message == "invalid value for --password: it is not valid UTF-8")
  }

  @Test("a very long value is cut in the message")
  func longValue() throws {
    let error = try usageError("host --port \(String(repeating: "1", count: 100_000))")
    #expect(error.message.count < 150)
    #expect(error.message.hasSuffix("…' for --port: it is more than 65535"))
    #expect(try usageError(String(repeating: "x", count: 100_000)).message.count < 150)
    #expect(try usageError("--" + String(repeating: "x", count: 100_000)).message.count < 150)
  }
}
