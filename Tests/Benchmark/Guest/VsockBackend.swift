import FoundationEssentials
import MachineTestSupport

/// Debian's vhost-device-vsock, where scripts/make-benchmark-guest could get it.
///
/// It connects to a socket of the host for each connection that the guest makes.
final class VsockBackend {
    let process: ChildProcess
    private let directory: String
    private var listeners: [String: SocketListener] = [:]

    private static let firstNumber = 5000

    init(in directory: String) throws {
        self.directory = directory
        let socket = "\(directory)/vsock-device.sock"
        process = try ChildProcess(
            "vhost-device-vsock",
            [Self.program, "--guest-cid", "3", "--socket", socket, "--uds-path", "\(directory)/vsock"],
            output: "\(directory)/vsock.log")
        for name in (0..<8).map({ "port\($0)" }) {
            listeners[name] = try SocketListener(name, at: "\(directory)/vsock_\(number(of: name))")
        }
        try MachineTestSupport.Deadline.wait(for: "the socket of vhost-device-vsock", within: .seconds(10)) {
            try expect(process.pollExit() == nil, "vhost-device-vsock did not start")
            return FileManager.default.fileExists(atPath: socket)
        }
    }

    var qemuArguments: [String] {
        [
            "-chardev", "socket,id=vsock,path=\(directory)/vsock-device.sock",
            "-device", "vhost-user-vsock-pci,chardev=vsock",
        ]
    }

    /// The vsock port that stands for one of ours.
    func number(of name: String) -> Int { Self.firstNumber + (name.last?.wholeNumberValue ?? 0) }

    func accept(_ name: String) throws -> SocketStream {
        guard let listener = listeners[name] else { throw BenchmarkError("vsock has no \(name)") }
        return try listener.accept(within: .seconds(20))
    }

    static var isThere: Bool { FileManager.default.fileExists(atPath: program) }

    private static var program: String {
        let cache = ProcessInfo.processInfo.environment["VHOST_USER_SERIAL_CACHE"] ?? ".cache"
        return "\(cache)/vsock/vhost-device-vsock"
    }
}
