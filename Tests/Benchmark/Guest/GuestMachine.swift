import Glibc
import MachineTestSupport

/// A booted guest with eight ports and a console on one device, and this process at their other ends.
final class GuestMachine {
    let device: GuestDevice
    private let machine: Machine
    private let vsock: VsockBackend?
    /// The clients, which stay connected; none with vsock, which connects anew for each work.
    private var streams: [String: SocketStream] = [:]
    private var programCount = 0

    private static let names = (0..<8).map { "port\($0)" }
    private static let console = "console"

    init(_ device: GuestDevice, directory: String) throws {
        self.device = device
        var options = MachineOptions()
        options.guest = "benchmark"
        options.queueSize = device.kind == .ours ? device.queueSize : nil
        options.daemonArguments = device.daemonArguments
        var ports = [Port(name: Self.console, isConsole: true)] + Self.names.map { Port(name: $0) }
        vsock = device.kind == .vsock ? try VsockBackend(in: directory) : nil
        if let vsock {
            ports = []
            options.qemuArguments = vsock.qemuArguments
        }
        let setting = Setting(device: device.kind == .ours ? .ours : .builtin, kernel: .newest, directory: directory)
        machine = try Machine(setting, ports, options)
        try machine.boot()
        for port in ports {
            streams[port.name] = try .connect(port.name, to: "\(directory)/\(port.name)", within: .seconds(10))
            if !port.isConsole { try machine.guest.waitForPort(port.name, "host_connected", 1) }
        }
    }

    /// The processes that stand for the device, by the name they have in ``Sample/measures``.
    var processes: [String: pid_t] {
        get throws {
            var processes = ["qemu": try machine.qemu.processID]
            processes["daemon"] = machine.daemon?.process.processID ?? vsock?.process.processID
            return processes
        }
    }

    /// Runs guest/src/bench.c with `body` at the other ends of its ports.
    ///
    /// - Returns: what `body` returned, and the program's lines, as words.
    func run<Result>(
        _ program: String, byteCount: Int, seconds: Double, ports: Int, console: Bool = false,
        _ body: ([SocketStream]) throws -> Result
    ) throws -> (Result, [[Substring]]) {
        let names = console ? [Self.console] : Array(Self.names.prefix(ports))
        let files = names.map { name in
            if let vsock { return "vsock:\(vsock.number(of: name))" }
            return console ? "/dev/hvc0" : "/dev/virtio-ports/\(name)"
        }
        programCount += 1
        let job = "bench\(programCount)"
        try machine.guest.start(job, "bench \(program) \(byteCount) \(seconds) \(files.joined(separator: " "))")
        let result = try body(names.map(stream(of:)))
        let text = try machine.guest.finish(job, within: .seconds(60))
        return (result, text.split(separator: "\n").map { $0.split(separator: " ") })
    }

    private func stream(of name: String) throws -> SocketStream {
        if let vsock { return try vsock.accept(name) }
        guard let stream = streams[name] else { throw BenchmarkError("there is no port \(name)") }
        return stream
    }

    /// Stops the guest's processor: it takes no time from the others.
    func pause() throws { try machine.qmp.execute("stop") }

    func resume() throws { try machine.qmp.execute("cont") }

    /// Ends everything; fails when the guest's kernel or the daemon have complained.
    func finish() throws { try machine.finish() }
}
