import DriverTestSupport
import Glibc
import LinuxIO

/// The daemon, driven without QEMU.
enum SyntheticDevice {
    static let portCount = 8
    private static let memoryByteCount = 1 << 30

    /// Starts a daemon with eight ports and brings it up under our driver.
    ///
    /// - Parameters:
    ///   - label: what the samples call it.
    ///   - daemon: its program.
    ///   - layout: of its rings.
    ///   - processors: on which everything runs.
    ///   - directory: for its sockets.
    ///   - monitor: whether it has a control socket, and whether somebody asks there for its ports all the time.
    /// - Returns: the device, with a client at each port.
    /// - Throws: why it does not come up.
    static func start(
        label: DeviceLabel, daemon: DaemonProgram, layout: GuestDriver.Layout, processors: Processors,
        directory: String, monitor: Monitor = .none
    ) throws -> DrivenDevice {
        let log = "\(directory)/log"
        let numbers = Array(1...portCount)
        var daemon = daemon
        let controlPath = "\(directory)/control.sock"
        if monitor != .none { daemon.arguments += ["--control", controlPath] }
        let (process, path) = try daemon.start(ports: numbers, processor: processors.device, in: directory, log: log)
        let file = try OwnedFileDescriptor.memory(named: "benchmark-guest", byteCount: UInt64(memoryByteCount))
        let memory = try GuestRAM(file: file.rawValue, byteCount: memoryByteCount)
        let driver = try GuestDriver(memory: memory, layout: layout, queueSize: label.queueSize, ports: numbers)
        let frontend = SyntheticConnection(
            try SyntheticFrontend.started(
                SyntheticConnection.connect(path, process), memory: file.rawValue, driver: driver))
        try driver.start()
        let peer = try Worker(
            "peer", connectingTo: numbers.map { "\(directory)/p\($0)" }, processor: processors.peer, log: log)
        try driver.waitForClients()
        var monitors: [String: Worker] = [:]
        if monitor == .polls {
            let worker = try Worker("monitor", connectingTo: [controlPath], processor: processors.peer, log: log)
            try worker.start(["poll:0:\(Monitor.pollsPerSecond)"])
            monitors["monitor"] = worker
        }
        return DrivenDevice(
            label: label, driver: driver, driverYields: processors.driverYields, peer: peer, monitors: monitors,
            children: ["daemon": process], callCount: frontend.takeCalls)
    }

    /// What is there beside the ports' clients.
    enum Monitor {
        /// No control socket.
        case none
        /// A control socket that nobody uses.
        case silent
        /// A program at the control socket that asks for the ports all the time.
        case polls

        static let pollsPerSecond = 10
    }
}

/// Keeps a front-end for as long as somebody counts its interrupts.
final class SyntheticConnection {
    private let frontend: SyntheticFrontend
    private var calls: UInt64 = 0

    init(_ frontend: consuming SyntheticFrontend) { self.frontend = frontend }

    /// Connects as soon as the daemon listens.
    static func connect(_ path: String, _ process: Child) throws -> UnixStream {
        let deadline = Deadline(seconds: 10)
        while true {
            do {
                return try UnixStream.connect(to: UnixAddress(path))
            } catch let error as SystemError {
                try process.check()
                try deadline.check("connecting to the daemon: \(error)")
                usleep(100)
            }
        }
    }

    /// How many interrupts there were so far.
    func takeCalls() -> UInt64 {
        var value: UInt64 = 0
        if unsafe read(frontend.callDescriptor, &value, 8) == 8 { calls += value }
        return calls
    }
}

/// The daemon's program and how it is started.
struct DaemonProgram {
    let path: String
    var arguments: [String] = []

    /// Starts it with ports `p1`, `p2`… in a directory, and waits until it listens.
    func start(
        ports: [Int], processor: Int?, in directory: String, log: String
    ) throws -> (process: Child, socketPath: String) {
        let socketPath = Self.socketPath(in: directory)
        let process = try spawn(ports: ports, processor: processor, in: directory, log: log)
        try Deadline.wait(seconds: 10, "the daemon listens") {
            try process.check()
            return unsafe access(socketPath, F_OK) == 0
        }
        return (process, socketPath)
    }

    /// Where it listens for its front-end.
    static func socketPath(in directory: String) -> String { "\(directory)/vhost.sock" }

    /// Starts it, and does not wait.
    func spawn(ports: [Int], processor: Int?, in directory: String, log: String) throws -> Child {
        let options = ports.flatMap { ["--port", "name=p\($0),nr=\($0)\($0 == 0 ? ",console=off" : "")"] }
        return try Child(
            "daemon",
            [path, "--socket-path", Self.socketPath(in: directory), "--socket-dir", directory] + options + arguments,
            processor: processor, log: log)
    }
}
