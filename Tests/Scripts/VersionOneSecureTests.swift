import Foundation
import Testing

@Suite("version 1 and secure rooms")
struct VersionOneSecureTests {
  @Test("--compat lets version 1 clients in, and our client into version 1 rooms")
  func bothWays() throws {
    let script = try #require(Bundle.module.path(forResource: "version1_secure", ofType: "py"))
    let folder = FileManager.default.temporaryDirectory.appending(path: "netchat-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Scene.play { scene in
      let program = try scene.run("python3", script, Program.netchat, folder.path)
      #expect(try program.wait() == 0)
      // The hosts' logs come there as well.
      let words = /[0-9T:-]+Z (admitted|refused|closed) .*/
      #expect(try program.errors.rest().filter { $0.wholeMatch(of: words) == nil } == [])
    }
  }
}
