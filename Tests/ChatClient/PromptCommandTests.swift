import ChatClient
import Terminal
import Testing

@Suite("a line typed at the prompt")
struct PromptCommandTests {
  private func read(_ line: String) throws -> PromptCommand {
    try PromptCommand(line, names: ["bob", "old man", "old"])
  }

  @Test("is said, unless it begins with one slash")
  func said() throws {
    for line in ["hello", " /who", "1/2", "…/x", "\u{301}/who"] {
      #expect(try read(line) == .say(line))
    }
    #expect(try read("//who") == .say("/who"))
    #expect(try read("//") == .say("/"))
    #expect(try read("///x") == .say("//x"))
  }

  @Test("is a command with what it needs")
  func commands() throws {
    #expect(try read("/nick  alicia ") == .nick("alicia"))
    #expect(try read("/who") == .who)
    #expect(try read("/msg bob hi there") == .message(to: "bob", "hi there"))
    #expect(try read("/msg bob: hi") == .message(to: "bob", "hi"))
    #expect(try read("/msg old man hi") == .message(to: "old man", "hi"))
    #expect(try read("/msg OLD hi") == .message(to: "old", "hi"))
    #expect(try read("/msg stranger hi") == .message(to: "stranger", "hi"))
    #expect(try read("/msg bob one\ntwo") == .message(to: "bob", "one\ntwo"))
    #expect(try read("/r yes") == .reply("yes"))
    #expect(try read("/me waves") == .action("waves"))
    #expect(try read("/ignore") == .ignore(nil))
    #expect(try read("/ignore old man") == .ignore("old man"))
    #expect(try read("/clear") == .clear)
    #expect(try read("/save my file") == .save(path: "my file"))
    #expect(try read("/bell") == .bell(nil))
    #expect(try read("/bell all") == .bell(.all))
    #expect(try read("/help") == .help)
    #expect(try read("/quit") == .quit)
  }

  @Test(
    "one that is none is not said, with the nearest",
    arguments: [
      ("/whoo", "who"), ("/qiut", "quit"), ("/hepl", "help"), ("/xyzzy", nil), ("/", nil),
      ("/ who", nil), ("/\u{301}", nil), ("/Who", "who"),
    ])
  func unknown(line: String, nearest: String?) throws {
    do {
      let command = try read(line)
      Issue.record("\(line) is \(command)")
    } catch SlashCommands.Failure.unknown(_, let suggested) {
      #expect(suggested == nearest)
    }
  }

  @Test(
    "one that lacks something says how it is written",
    arguments: ["/nick", "/msg", "/msg bob", "/msg bob  ", "/r", "/me ", "/save", "/bell loud"])
  func usage(line: String) throws {
    do {
      let command = try read(line)
      Issue.record("\(line) is \(command)")
    } catch SlashCommands.Failure.usage(let usage) {
      #expect(usage.hasPrefix(line.split(separator: " ")[0]))
    }
  }
}

@Suite("completion")
struct CompletionTests {
  private let names = ["bob", "Bonnie", "old man", "Zoë", "\u{1B}[2J", "", "名前"]

  private func complete(_ line: String) -> Completion {
    .of(line, PromptCommand.table, names: names)
  }

  @Test("a name at the line's start gets a colon, elsewhere a blank")
  func start() {
    #expect(complete("bob") == .replace(count: 3, with: "bob: "))
    #expect(complete("hi bob") == .replace(count: 3, with: "bob "))
    #expect(complete("z") == .replace(count: 1, with: "Zoë: "))
    #expect(complete("OLD M") == .replace(count: 5, with: "old man: "))
    #expect(complete("my old m") == .replace(count: 5, with: "old man "))
    #expect(complete("名") == .replace(count: 1, with: "名前: "))
  }

  @Test("several that fit are completed as far as they agree, then shown")
  func several() {
    #expect(complete("b") == .replace(count: 1, with: "bo"))
    #expect(complete("bo") == .choices(["bob", "Bonnie"]))
  }

  @Test("on an empty line anybody is shown, but none that would not be shown as it is")
  func empty() {
    #expect(complete("") == .choices(["bob", "Bonnie", "old man", "Zoë", "名前"]))
    #expect(Completion.of("", PromptCommand.table, names: []) == .none)
    #expect(Completion.of("", PromptCommand.table, names: ["\u{1B}", ""]) == .none)
    #expect(complete("\u{1B}") == .none)
    #expect(complete("nobody") == .none)
  }

  @Test("commands and what they take")
  func commands() {
    #expect(complete("/wh") == .replace(count: 3, with: "/who "))
    #expect(complete("/m") == .choices(["/msg", "/me"]))
    #expect(complete("/xyz") == .none)
    #expect(complete("/xyz b") == .none)
    #expect(complete("/who ") == .none)
    #expect(complete("/save b") == .none)
    #expect(complete("/msg zo") == .replace(count: 2, with: "Zoë "))
    #expect(complete("/bell m") == .replace(count: 1, with: "mention"))
    #expect(complete("/me greets zo") == .replace(count: 2, with: "Zoë "))
    #expect(complete("//zo") == .none)
    guard case .choices(let all) = complete("/") else {
      Issue.record("a lone slash shows the commands")
      return
    }
    #expect(all.count == PromptCommand.table.entries.count)
  }
}

@Suite("mentions")
struct MentionTests {
  private func places(_ name: String, _ text: String) -> [Range<Int>] {
    Mention.places(of: name, in: Array(text.unicodeScalars))
  }

  @Test("a name is named where it stands as a word, in whatever case")
  func words() {
    #expect(places("alice", "Alice: hi, ALICE!") == [0..<5, 11..<16])
    #expect(places("alice", "malice alices alice_ alice9").isEmpty)
    #expect(places("Zoë", "zoë?") == [0..<3])
    #expect(places("old man", "the old man's") == [4..<11])
    #expect(places("a", "a\u{301} a") == [3..<4])
  }

  @Test("odd names and texts name nobody")
  func odd() {
    #expect(places("", "anything").isEmpty)
    #expect(places("alice", "").isEmpty)
    #expect(places("\u{1B}[2J", "x \u{1B}[2J x") == [2..<6])
    #expect(places("aa", "aaaa").isEmpty)
  }
}
