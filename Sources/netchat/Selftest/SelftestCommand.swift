import ChatClient
import ChatCore
import Glibc
import Sockets

/// Runs `netchat selftest`; returns the exit status.
func runSelftest(_ arguments: SelftestArguments) -> Int32 {
  SelftestCommand(format: arguments.format).run(arguments.task).rawValue
}

/// Looks at this build on this machine, at the way to a host, or at how fast a room is.
private struct SelftestCommand {
  let format: OutputFormat

  func run(_ task: SelftestArguments.Task) -> ExitStatus {
    // Before there are threads: writing to a connection that is gone is an error, no signal.
    signal(SIGPIPE, SIG_IGN)
    switch task {
    case .check: return check()
    case .diagnose(let host, let port, let passwordFile):
      return diagnose(host, port, PasswordSource(argument: nil, file: passwordFile))
    case .bench(let clients, let seconds, let isSecure):
      return measure(FanoutBench(seconds: seconds, isSecure: isSecure), to: clients)
    }
  }

  private func check() -> ExitStatus {
    let checks = SelftestCheck.all
    var report = SelftestReport(format, total: checks.count)
    for check in checks {
      report.begin(check.name)
      do throws(SelftestCheck.Failure) {
        try check.run()
        report.end(check.name, .holds(nil))
      } catch {
        report.end(check.name, .fails(error))
      }
    }
    return report.finish()
  }

  private func diagnose(_ host: String, _ port: UInt16, _ passwords: PasswordSource) -> ExitStatus {
    do throws(KnownHosts.Failure) {
      var diagnosis = try Diagnosis(host, port: port, passwords, format)
      return diagnosis.run()
    } catch {
      Diagnostics.report("\(error)", hint: "mend or remove that line")
      return .failure
    }
  }

  private func measure(_ bench: FanoutBench, to most: Int) -> ExitStatus {
    let descriptors = Machine.raiseDescriptorLimit()
    let needed = LoopbackRoom.descriptors(for: most)
    guard descriptors >= needed else {
      let possible = LoopbackRoom.members(within: descriptors)
      Diagnostics.report(
        "\(most) clients need \(needed) open files, and \(descriptors) are allowed",
        hint: "--clients \(max(1, possible)), or ulimit -n \(needed)")
      return .failure
    }
    let table = BenchTable(bench: bench)
    if format == .text, show(table.head) != 0 { return .failure }
    var fastest = 1.0
    for clients in FanoutBench.steps(to: most) {
      do throws(Visitor.Failure) {
        let row = try bench.measure(clients)
        fastest = max(fastest, row.deliveriesPerSecond)
        let line =
          format == .text
          ? table.line(row, most: fastest) : String(decoding: table.packet(row), as: UTF8.self)
        if show(line) != 0 { return .failure }
      } catch {
        Diagnostics.report("cannot measure \(clients) clients: \(error.reason)")
        return .failure
      }
    }
    return .success
  }
}
