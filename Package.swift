// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]
/// The debug build, and the tests with it, check at run time that nobody changes what somebody else
/// is using; the release build saves the time, a tenth of what a message costs.
let fast: [SwiftSetting] = [
  .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))
]
/// Tests call C to play the other side; marking each such call would say nothing.
let lenient: [SwiftSetting] = [.swiftLanguageMode(.v6)]

let package = Package(
  name: "netchat",
  products: [.executable(name: "netchat", targets: ["netchat"])],
  targets: [
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CEdit", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),
    .systemLibrary(name: "CLinux"),

    .target(name: "ChatCore", swiftSettings: strict + fast),
    .target(name: "Sockets", dependencies: ["CLinux"], swiftSettings: strict + fast),
    .target(name: "OpenSSL", dependencies: ["COpenSSL"], swiftSettings: strict + fast),
    .target(
      name: "Terminal", dependencies: ["CEdit", "ChatCore", "Sockets"], swiftSettings: strict),
    .target(
      name: "ChatHost", dependencies: ["ChatCore", "Sockets", "OpenSSL", "Terminal"],
      swiftSettings: strict + fast),
    .target(
      name: "ChatClient", dependencies: ["ChatCore", "Sockets", "OpenSSL", "Terminal"],
      swiftSettings: strict),
    .executableTarget(
      name: "netchat",
      dependencies: ["ChatHost", "ChatClient", "ChatCore", "OpenSSL", "Sockets", "Terminal"],
      swiftSettings: strict,
      // Without symbols: nearly half of the binary. `-Xlinker -S` on the command line instead keeps
      // those that a profiler wants.
      linkerSettings: [.unsafeFlags(["-Xlinker", "-s"], .when(configuration: .release))]),

    .testTarget(
      name: "ChatCoreTests", dependencies: ["ChatCore"], path: "Tests/ChatCore",
      resources: [.copy("Vectors")],
      swiftSettings: lenient),
    .testTarget(
      name: "OpenSSLTests", dependencies: ["OpenSSL"], path: "Tests/OpenSSL",
      resources: [.copy("Vectors")],
      swiftSettings: lenient),
    .testTarget(
      name: "ChatClientTests", dependencies: ["ChatClient", "ChatCore", "Sockets", "Terminal"],
      path: "Tests/ChatClient",
      swiftSettings: lenient),
    .testTarget(
      name: "netchatTests", dependencies: ["netchat"], path: "Tests/netchat",
      swiftSettings: lenient),
    .testTarget(
      name: "ScriptsTests",
      dependencies: ["netchat", "ChatHost", "ChatClient", "ChatCore", "OpenSSL", "Sockets"],
      path: "Tests/Scripts",
      resources: [
        .copy("version1.py"), .copy("version1_secure.py"), .copy("cutting_proxy.py"),
        .copy("stub_host.py"), .copy("tls_host.py"),
      ],
      swiftSettings: lenient),
  ]
)
