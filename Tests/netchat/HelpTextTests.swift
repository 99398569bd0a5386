import Testing

@testable import netchat

@Suite("help")
struct HelpTextTests {
  private static var pages: [String] {
    [HelpText.shortUsage, HelpText.text(for: nil)]
      + CommandTable.commands.map { HelpText.text(for: $0) }
  }

  @Test("no line is wider than 80 columns, none ends in a space, all is ASCII")
  func width() {
    for page in Self.pages {
      #expect(page.hasSuffix("\n") && !page.hasSuffix("\n\n"))
      for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
        #expect(line.utf8.count <= 80, "\(line)")
        #expect(!line.hasSuffix(" "), "\(line)")
        #expect(line.utf8.allSatisfy { (0x20..<0x7F).contains($0) }, "\(line)")
      }
    }
  }

  @Test("every command is in the overview and in the short usage")
  func commands() {
    for command in CommandTable.commands {
      for page in [HelpText.shortUsage, HelpText.text(for: nil)] {
        #expect(page.contains("  \(command.name) "))
        #expect(page.contains(command.summary))
      }
    }
  }

  @Test("every option is in the usage and in the list, with its value and default")
  func options() {
    for command in CommandTable.commands {
      let page = HelpText.text(for: command)
      let words = page.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
      for option in command.options {
        #expect(page.split(separator: "\n").contains { $0.dropFirst(6).hasPrefix(option.usage) })
        #expect(words.contains(option.help))
        if let text = option.defaultText { #expect(words.contains("default: \(text))")) }
        if let bounds = option.kind?.bounds { #expect(words.contains(bounds)) }
      }
      for option in command.ownOptions {
        #expect(words.contains("[\(option.usage)") || words.contains("| \(option.usage)]"))
      }
      for operand in command.operands {
        #expect(words.contains("[\(operand.name)]"))
        #expect(words.contains(operand.help))
      }
    }
  }

  @Test("what excludes and what needs another option is said")
  func relations() {
    let words = HelpText.text(for: CommandTable.host).split { $0 == " " || $0 == "\n" }
      .joined(separator: " ")
    #expect(words.contains("[--secure | --plain]"))
    #expect(words.contains("(not with --secure; not with --tls; "))
    #expect(words.contains("(needs --key; needs --tls or --secure)"))
  }

  @Test("all descriptions begin in the same column")
  func alignment() {
    let lines = HelpText.text(for: CommandTable.host).split(separator: "\n")
    let columns = Set(
      CommandTable.host.options.compactMap { option -> Int? in
        guard let line = lines.first(where: { $0.dropFirst(6).hasPrefix("\(option.usage)  ") })
        else { return nil }
        return line.prefix { $0 == " " }.count <= 6
          ? line.count - line.dropFirst(6 + option.usage.count).drop { $0 == " " }.count : nil
      })
    #expect(columns.count == 1)
  }

  @Test("an atom is never cut, and an overlong one stands alone")
  func wrapping() {
    let long = String(repeating: "x", count: 100)
    #expect(HelpText.wrap(["a", long, "b c"], indent: 2) == ["  a", "  " + long, "  b c"])
    let exact = String(repeating: "y", count: 78)
    #expect(HelpText.wrap(["a", exact], first: "") == ["a \(exact)"])
    #expect(HelpText.wrap(["ab", exact], first: "") == ["ab", exact])
  }
}

@Suite("the table")
struct CommandTableTests {
  @Test("every option and operand has a name, a help text and a good default")
  func options() throws {
    for command in CommandTable.commands {
      #expect(!command.summary.isEmpty)
      for option in command.options {
        #expect(!option.help.isEmpty && !option.help.hasSuffix("."), "\(option.name)")
        #expect(option.name.allSatisfy { $0.isLowercase || $0 == "-" }, "\(option.name)")
        #expect(option.valueName.map { $0 == $0.uppercased() } ?? true, "\(option.name)")
        if case .value(let text)? = option.value?.standard {
          _ = try option.kind?.read(text)
        }
      }
      for operand in command.operands { #expect(!operand.help.isEmpty) }
    }
  }

  @Test("names are unique, among commands and in each command")
  func uniqueNames() {
    #expect(Set(CommandTable.commands.map(\.name)).count == CommandTable.commands.count)
    for command in CommandTable.commands {
      #expect(Set(command.options.map(\.name)).count == command.options.count)
      let letters = command.options.compactMap(\.short)
      #expect(Set(letters).count == letters.count)
    }
  }

  @Test("relations name options of their own command")
  func relations() {
    for command in CommandTable.commands {
      let related =
        command.exclusions.flatMap { $0 }
        + command.requirements.flatMap { [$0.option] + $0.anyOf }
      for option in related { #expect(command.option(named: option.name) != nil) }
    }
  }

  @Test("the examples are good command lines")
  func examples() throws {
    for command in CommandTable.commands {
      for example in command.examples {
        // Of what a shell makes of it, the program sees its own words.
        let shell = example.commandLine.split(separator: " | ").last ?? ""
        let words = shell.split(separator: " ").prefix {
          !$0.hasPrefix("<") && !$0.hasPrefix(">") && $0 != "&"
        }
        #expect(words.prefix(2) == ["netchat", command.name[...]])
        _ = try ArgumentParser.parse(words.dropFirst().map(String.init))
      }
    }
  }
}
