import Glibc

/// Takes secrets out of what others can read of this process: `/proc/PID/cmdline`, `ps`,
/// `/proc/PID/environ`. To be called before there are other threads, and for the command line
/// before `CommandLine.arguments` is used, which copies it.
///
/// Whoever looked earlier has seen them: shells keep a history, and the kernel shows the command
/// line from the first moment on.
package enum ProcessSecrets {
  /// The value of an option, in the forms `--option VALUE` and `--option=VALUE`, wherever it stands
  /// before `--`; the first of several. In the command line `*` stands for each of them from now on,
  /// except for one that is empty. To be wiped by the caller.
  package static func takeArgument(of option: String) -> [UInt8]? {
    let arguments = unsafe CommandLine.unsafeArgv
    var taken: [UInt8]?
    var isNext = false
    for index in 1..<max(1, Int(CommandLine.argc)) {
      guard let argument = unsafe arguments[index] else { break }
      let length = unsafe strlen(argument)
      func begins(_ text: String) -> Bool {
        unsafe strncmp(argument, text, text.utf8.count) == 0
      }
      func equals(_ text: String) -> Bool { unsafe strcmp(argument, text) == 0 }
      // As the parser sees it, what begins with dashes is no value.
      let isValue = isNext && !begins("--") && !equals("-h")
      isNext = false
      let start: Int
      if isValue {
        start = 0
      } else if equals("--") {
        break
      } else if equals(option) {
        isNext = true
        continue
      } else if begins(option + "=") {
        start = option.utf8.count + 1
      } else {
        continue
      }
      // The argument's own memory, with the zero at its end.
      let value = unsafe UnsafeMutableRawBufferPointer(
        start: argument + start, count: length - start)
      if taken == nil { unsafe taken = Array(value) }
      guard unsafe !value.isEmpty else { continue }
      unsafe explicit_bzero(value.baseAddress!, value.count)
      unsafe value[0] = UInt8(ascii: "*")
    }
    return taken
  }

  /// The value of an environment variable, which is not set any more afterwards; nil where it was
  /// not. To be wiped by the caller.
  package static func takeEnvironment(_ name: String) -> [UInt8]? {
    guard let text = unsafe getenv(name) else { return nil }
    // The C library hands out the place itself, in the memory that the kernel shows.
    let value = unsafe UnsafeMutableRawBufferPointer(start: text, count: strlen(text))
    let taken = unsafe Array(value)
    if unsafe !value.isEmpty { unsafe explicit_bzero(value.baseAddress!, value.count) }
    _ = unsafe unsetenv(name)
    return taken
  }
}

/// Overwrites bytes in a way that the compiler does not take out again.
func wipe(_ bytes: inout [UInt8], first count: Int) {
  precondition(count <= bytes.count)
  guard count > 0 else { return }
  unsafe bytes.withUnsafeMutableBytes { unsafe explicit_bzero($0.baseAddress!, count) }
}
