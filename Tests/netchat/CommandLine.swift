import OpenSSL
import Testing

@testable import netchat

/// Reads a command line that is split at spaces, as far as the tests need it.
func parse(_ line: String) throws(UsageError) -> Invocation {
  try ArgumentParser.parse(line.split(separator: " ").map(String.init))
}

func hostArguments(_ line: String) throws -> HostArguments {
  guard case .host(let arguments) = try parse("host \(line)") else {
    throw UsageError("not host")
  }
  return arguments
}

func clintArguments(_ line: String) throws -> ClintArguments {
  guard case .clint(let arguments) = try parse("clint \(line)") else {
    throw UsageError("not clint")
  }
  return arguments
}

/// The error of a bad command line; a good one is a failed test.
func usageError(
  _ line: String, sourceLocation: SourceLocation = #_sourceLocation
) throws -> UsageError {
  try usageError(
    arguments: line.split(separator: " ").map(String.init), sourceLocation: sourceLocation)
}

func usageError(
  arguments: [String], sourceLocation: SourceLocation = #_sourceLocation
) throws -> UsageError {
  try #require(throws: UsageError.self, sourceLocation: sourceLocation) {
    try ArgumentParser.parse(arguments)
  }
}

/// A text as a secret.
func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8).span) }
