import ChatCore
import Testing

@Suite("suggestions")
struct SuggestionTests {
  @Test(
    "the distance counts letters put in, taken out, replaced and swapped",
    arguments: [
      ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("port", "port", 0), ("port", "prot", 1),
      ("port", "ports", 1), ("port", "pot", 1), ("port", "part", 1), ("client", "clint", 1),
      ("kitten", "sitting", 3), ("ca", "abc", 3), ("abcd", "badc", 2),
    ])
  func distance(first: String, second: String, expected: Int) {
    #expect(Suggestion.editDistance(first, second) == expected)
    #expect(Suggestion.editDistance(second, first) == expected)
  }

  @Test("only what is near is suggested")
  func near() {
    let names = ["port", "password", "password-file", "tls", "json"]
    #expect(Suggestion.nearest(to: "prot", among: names) == "port")
    #expect(Suggestion.nearest(to: "TLS", among: names) == "tls")
    #expect(Suggestion.nearest(to: "pasword", among: names) == "password")
    #expect(Suggestion.nearest(to: "pas", among: names) == "password")
    #expect(Suggestion.nearest(to: "password-f", among: names) == "password-file")
    #expect(Suggestion.nearest(to: "passwordfile", among: names) == "password-file")
    #expect(Suggestion.nearest(to: "pa", among: names) == nil)
    #expect(Suggestion.nearest(to: "x", among: names) == nil)
    #expect(Suggestion.nearest(to: "", among: names) == nil)
    #expect(Suggestion.nearest(to: "zebra", among: names) == nil)
    #expect(Suggestion.nearest(to: "port", among: []) == nil)
  }

  @Test("a one-letter name is not what another letter meant")
  func oneLetter() {
    #expect(Suggestion.nearest(to: "x", among: ["h"]) == nil)
  }

  @Test("an endless name is not compared")
  func bounded() {
    #expect(Suggestion.nearest(to: String(repeating: "a", count: 1_000_000), among: ["a"]) == nil)
  }
}
