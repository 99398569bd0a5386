import Glibc
import Sockets

/// Opens what a host listens on.
struct HostListening {
  private let arguments: HostArguments
  /// The sockets that systemd has opened for this process.
  private let passed = ServiceManager.passedDescriptors
  /// What to listen on where none were passed, the ports left open.
  private let addresses: [Address]

  /// What cannot be had, in words.
  struct Failure: Error {
    let message: String
    let hint: String?
    let status: ExitStatus

    init(_ message: String, hint: String?, _ status: ExitStatus = .failure) {
      self.message = message
      self.hint = hint
      self.status = status
    }
  }

  /// - Throws: where `--bind` leads nowhere, and where sockets were passed and others are asked for as
  ///   well.
  init(_ arguments: HostArguments) throws(Failure) {
    self.arguments = arguments
    addresses = passed.isEmpty ? try Self.resolve(arguments.bind) : []
    guard !passed.isEmpty, arguments.port != nil || arguments.bind != nil else { return }
    throw Failure(
      "systemd has opened the sockets (LISTEN_FDS)",
      hint: "leave out --port and --bind, or the socket unit", .usage)
  }

  /// Whether no port is needed.
  var hasSockets: Bool { !passed.isEmpty }

  // MARK: The room

  /// Listens for members, on a port or on the sockets that were passed, and on a unix socket if one is
  /// asked for.
  func room(port: UInt16) throws(Failure) -> [Listener] {
    var listeners: [Listener] = []
    for number in passed { listeners.append(try adopt(number)) }
    if passed.isEmpty { listeners.append(try listen(port: port)) }
    if let path = arguments.unix { listeners.append(try listen(onUnixPath: path)) }
    return listeners
  }

  private func adopt(_ number: Int32) throws(Failure) -> Listener {
    do throws(SystemError) {
      return try Listener(adopting: number)
    } catch {
      throw Failure(
        "cannot listen on descriptor \(number), which systemd passed: \(error.reason)",
        hint: "the socket unit needs ListenStream= and Accept=no")
    }
  }

  private static func resolve(_ bind: String?) throws(Failure) -> [Address] {
    guard let bind else {
      return [Address(.anyIPv6, port: 0), Address(.anyIPv4, port: 0)]
    }
    do throws(ResolutionError) {
      return [try Address.resolve(bind, port: 0, listening: true)[0]]
    } catch {
      throw Failure(
        "cannot find \(quoted(bind)): \(error.reason)",
        hint: "--bind takes an address of this machine, such as 127.0.0.1", .usage)
    }
  }

  private func listen(port: UInt16) throws(Failure) -> Listener {
    var failure: SystemError?
    for var address in addresses {
      address.port = port
      do throws(SystemError) {
        // The IPv6 wildcard takes IPv4 as well; where there is no IPv6 the next address does.
        return try Listener(on: address)
      } catch {
        failure = error
        if error.code == EADDRINUSE || error.code == EACCES { break }
      }
    }
    let place = Address.join(host: arguments.bind ?? "127.0.0.1", port: port)
    let hint: String? =
      switch failure?.code {
      case EADDRINUSE: "another host may be running; try --port"
      case EACCES: "ports below 1024 need privileges; try --port 12345"
      case EADDRNOTAVAIL: "--bind takes an address of this machine, such as 127.0.0.1"
      default: nil
      }
    throw Failure("cannot listen on \(place): \(failure?.reason ?? "no address")", hint: hint)
  }

  private func listen(onUnixPath path: String) throws(Failure) -> Listener {
    do throws(SystemError) {
      return try Listener(onUnixPath: path, mode: arguments.unixMode)
    } catch {
      let hint: String? =
        switch error.code {
        case EADDRINUSE: "another host listens there; take another path"
        case EEXIST: "it is no socket; take another path, or remove it"
        case ENAMETOOLONG: "a unix socket's path has at most 107 bytes"
        case ENOENT: "the directory must exist"
        default: nil
        }
      throw Failure("cannot listen on unix:\(path): \(error.reason)", hint: hint)
    }
  }

  // MARK: Metrics

  /// Listens for those who want the metrics; nil where nobody may.
  func metrics() throws(Failure) -> Listener? {
    guard let endpoint = arguments.metrics else { return nil }
    let port = endpoint.port ?? 0
    let place = Address.join(host: endpoint.host, port: port)
    let address: Address
    do throws(ResolutionError) {
      address = try Address.resolve(endpoint.host, port: port, listening: true)[0]
    } catch {
      throw Failure(
        "cannot find \(quoted(endpoint.host)): \(error.reason)",
        hint: "--metrics takes an address of this machine and a port, such as 127.0.0.1:9100",
        .usage)
    }
    do throws(SystemError) {
      return try Listener(on: address)
    } catch {
      throw Failure(
        "cannot listen on \(place) for the metrics: \(error.reason)",
        hint: error.code == EADDRINUSE ? "try another port for --metrics" : nil)
    }
  }
}
