// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target of ours: Swift 6 mode (the tools version's default), every unsafe use spelled, no warning left alone.
let settings: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let collections = Target.Dependency.product(name: "BasicContainers", package: "swift-collections")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

// One direction: C shims → {LinuxIO → {Sandbox | Virtio → {VirtioConsole | VhostUser}} | TOML} → SerialDaemon → executables.
let package = Package(
    name: "vhost-user-serial",
    products: [
        .executable(name: "vhost-user-serial", targets: ["vhost-user-serial"]),
        .executable(name: "vserialctl", targets: ["vserialctl"]),
        .library(name: "Virtio", targets: ["Virtio"]),
        .library(name: "VhostUser", targets: ["VhostUser"]),
        .library(name: "VirtioConsole", targets: ["VirtioConsole"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        .target(name: "CLinux"),
        .systemLibrary(name: "CCapNG", pkgConfig: "libcap-ng", providers: [.apt(["libcap-ng-dev"])]),
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        // toml++ is a header of libtomlplusplus-dev; scripts install it.
        .target(name: "CTOML"),
        .target(name: "TOML", dependencies: ["CTOML"], swiftSettings: settings),
        .target(name: "LinuxIO", dependencies: ["CLinux", systemPackage], swiftSettings: settings),
        .target(
            name: "Virtio", dependencies: ["CLinux", "LinuxIO", collections, systemPackage], swiftSettings: settings),
        .target(
            name: "VhostUser", dependencies: ["LinuxIO", "Virtio", collections, systemPackage], swiftSettings: settings),
        .target(
            name: "VirtioConsole", dependencies: ["LinuxIO", "Virtio", collections, systemPackage],
            swiftSettings: settings),
        .target(
            name: "Sandbox", dependencies: ["CCapNG", "CLinux", "CSeccomp", "LinuxIO", systemPackage],
            swiftSettings: settings),
        // What is said on the control socket; the daemon and vserialctl share it.
        .target(name: "ControlProtocol", swiftSettings: settings),
        .target(
            name: "SerialDaemon",
            dependencies: [
                "ControlProtocol", "LinuxIO", "Sandbox", "TOML", "Virtio", "VhostUser", "VirtioConsole", collections,
                logging, systemPackage,
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "vhost-user-serial", dependencies: ["Sandbox", "SerialDaemon", argumentParser],
            swiftSettings: settings),

        // What vserialctl reads of strangers, without a socket: the fuzzer gets at it here.
        .target(name: "ClientProtocols", dependencies: ["ControlProtocol", crypto], swiftSettings: settings),
        .executableTarget(
            name: "vserialctl",
            dependencies: ["ClientProtocols", "ControlProtocol", "LinuxIO", argumentParser, systemPackage],
            swiftSettings: settings),

        .target(
            name: "VirtioTestSupport", dependencies: ["LinuxIO", "Virtio", "VhostUser"],
            path: "Tests/VirtioTestSupport",
            swiftSettings: settings),
        .testTarget(name: "LinuxIOTests", dependencies: ["CLinux", "LinuxIO", systemPackage], swiftSettings: settings),
        .testTarget(
            name: "VirtioTests", dependencies: ["LinuxIO", "Virtio", "VirtioTestSupport", systemPackage],
            swiftSettings: settings),
        .testTarget(
            name: "VhostUserTests",
            dependencies: ["LinuxIO", "Virtio", "VhostUser", "VirtioTestSupport", systemPackage],
            swiftSettings: settings),
        .testTarget(
            name: "VirtioConsoleTests",
            dependencies: ["LinuxIO", "Virtio", "VirtioConsole", "VirtioTestSupport", collections, systemPackage],
            swiftSettings: settings),
        .testTarget(
            name: "SerialDaemonTests",
            dependencies: [
                "ControlProtocol", "LinuxIO", "Sandbox", "TOML", "Virtio", "VhostUser", "VirtioConsole", "SerialDaemon",
                "VirtioTestSupport", collections, logging, systemPackage,
            ],
            swiftSettings: settings),

        .testTarget(name: "TOMLTests", dependencies: ["TOML"], swiftSettings: settings),
        .testTarget(name: "ControlProtocolTests", dependencies: ["ControlProtocol"], swiftSettings: settings),
        .testTarget(
            name: "ClientProtocolsTests", dependencies: ["ClientProtocols", "ControlProtocol", "VirtioTestSupport"],
            swiftSettings: settings),
        // It shows the captures that ClientProtocolsTests has.
        .testTarget(
            name: "VSerialCtlTests",
            dependencies: [
                "ClientProtocols", "ClientProtocolsTests", "ControlProtocol", "LinuxIO", "vserialctl", argumentParser,
                systemPackage,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "SandboxTests", dependencies: ["Sandbox", "vhost-user-serial-sandbox-probe"], swiftSettings: settings),
        // Shuts itself in and tries to get out.
        .executableTarget(
            name: "vhost-user-serial-sandbox-probe", dependencies: ["CLinux", "LinuxIO", "Sandbox", argumentParser],
            path: "Tests/SandboxProbe", swiftSettings: settings),
        // Everybody hostile at once, each test named after the bug of somebody else that it would catch. It plays with
        // the fixtures of SerialDaemonTests.
        .target(name: "CSystemCallFaults", path: "Tests/SystemCallFaultsC"),
        .executableTarget(name: "vhost-user-serial-hostile-guest", path: "Tests/HostileGuest"),
        .testTarget(
            name: "HostileTests",
            dependencies: [
                "CSystemCallFaults", "LinuxIO", "Virtio", "VhostUser", "VirtioConsole", "SerialDaemon",
                "SerialDaemonTests", "VirtioTestSupport", collections, systemPackage,
            ],
            swiftSettings: settings),

        // Boots real guests. It knows the daemon by its command line only.
        .target(name: "MachineTestSupport", path: "Tests/MachineTestSupport", swiftSettings: settings),
        .executableTarget(
            name: "vhost-user-serial-integration", dependencies: ["MachineTestSupport", argumentParser],
            path: "Tests/Integration", swiftSettings: settings),

        // Drives the device from a front-end's and a guest driver's side, without a VM.
        .target(
            name: "DriverTestSupport", dependencies: ["CLinux", "LinuxIO", "MachineTestSupport", "VirtioTestSupport"],
            path: "Tests/DriverTestSupport", swiftSettings: settings),

        // Plays faults to a running daemon; see scripts/soak.
        .executableTarget(
            name: "vhost-user-serial-soak",
            dependencies: [
                "LinuxIO", "DriverTestSupport", "MachineTestSupport", "VirtioTestSupport", argumentParser,
            ],
            path: "Tests/Soak", swiftSettings: settings),

        // Measures; see scripts/benchmark.
        .target(name: "CBenchmark", path: "Tests/BenchmarkC"),
        .executableTarget(
            name: "vhost-user-serial-benchmark",
            dependencies: [
                "CBenchmark", "CLinux", "LinuxIO", "Virtio", "VhostUser", "DriverTestSupport",
                "VirtioTestSupport", "MachineTestSupport", argumentParser, systemPackage,
            ],
            path: "Tests/Benchmark", swiftSettings: settings),
        // Counts what a chain costs; see scripts/hot-path.
        .executableTarget(
            name: "vhost-user-serial-hot-path",
            dependencies: [
                "LinuxIO", "VirtioConsole", "SerialDaemon", "VirtioTestSupport", argumentParser, collections, logging,
                systemPackage,
            ],
            path: "Tests/HotPath", swiftSettings: settings),

        // What the fuzzer runs; the tests run it on the inputs that were kept.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "CLinux", "ClientProtocols", "ControlProtocol", "LinuxIO", "Virtio", "VhostUser", "VirtioConsole",
                "SerialDaemon", "VirtioTestSupport", collections, systemPackage,
            ],
            path: "Tests/Fuzz/Targets", swiftSettings: settings),
        .testTarget(name: "FuzzReplayTests", dependencies: ["FuzzTargets"], swiftSettings: settings),
    ],
    // What toml++ is written in.
    cxxLanguageStandard: .cxx17
)

// Links only with -sanitize=fuzzer, which brings the main function; see scripts/fuzz.
if Context.environment["VHOST_USER_SERIAL_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "vhost-user-serial-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Driver",
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
}
