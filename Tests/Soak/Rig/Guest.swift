import DriverTestSupport
import Glibc
import LinuxIO
import MachineTestSupport
import VirtioTestSupport

/// A guest without a VM: its memory, its driver and its front-end. Let go of, all three are gone at once.
final class Guest {
    private(set) var driver: GuestDriver
    private var file: OwnedFileDescriptor
    private let frontend: SyntheticFrontend
    private let ports: [Int]
    private let layout: GuestDriver.Layout
    private let queueSize: Int

    /// For rings and for what is below them.
    private static let spareByteCount = 64 << 20

    /// Connects to the daemon, as soon as it takes front-ends, and opens the ports of these numbers.
    init(socket path: String, ports: [Int], layout: GuestDriver.Layout, queueSize: Int = 128) throws {
        self.ports = ports
        self.layout = layout
        self.queueSize = queueSize
        file = try Self.makeMemory(ports, queueSize)
        driver = try Self.makeDriver(file, ports, layout, queueSize)
        frontend = try Self.connect(to: path, memory: file.rawValue, driver)
        try driver.start()
    }

    /// With a ring's worth of the largest buffers for each port, twice. Only what is written to takes memory.
    private static func byteCount(_ ports: [Int], _ queueSize: Int) -> Int {
        spareByteCount + 2 * ports.count * queueSize * DriverPort.maximumSendByteCount
    }

    private static func makeMemory(_ ports: [Int], _ queueSize: Int) throws -> OwnedFileDescriptor {
        try OwnedFileDescriptor.memory(named: "soak-guest", byteCount: UInt64(byteCount(ports, queueSize)))
    }

    private static func makeDriver(
        _ file: borrowing OwnedFileDescriptor, _ ports: [Int], _ layout: GuestDriver.Layout, _ queueSize: Int
    ) throws -> GuestDriver {
        let memory = try GuestRAM(file: file.rawValue, byteCount: byteCount(ports, queueSize))
        return try GuestDriver(memory: memory, layout: layout, queueSize: queueSize, ports: ports)
    }

    private static func connect(to path: String, memory: Int32, _ driver: GuestDriver) throws -> SyntheticFrontend {
        try retrying(path) { try SyntheticFrontend.started($0, memory: memory, driver: driver) }
    }

    /// Fails unless a front-end that connects gets an answer.
    static func expectService(at path: String) throws {
        try retrying(path) { stream in
            let frontend = FakeFrontend(stream)
            try frontend.send(.getFeatures)
            _ = try frontend.receive()
        }
    }

    /// While the daemon does not listen, or has a front-end that it has not seen go, once more.
    private static func retrying<Value: ~Copyable>(
        _ path: String, _ body: (consuming UnixStream) throws -> Value
    ) throws -> Value {
        let deadline = Deadline(within: .seconds(10))
        while true {
            do {
                return try body(UnixStream.connect(to: UnixAddress(path)))
            } catch let error where error is SystemError || error is FakeFrontend.Failure {
                try expect(!deadline.hasPassed, "the daemon takes no front-end at \(path): \(error)")
                Deadline.pause(.microseconds(100))
            }
        }
    }

    func port(_ number: Int) throws -> DriverPort {
        guard let port = driver.ports.first(where: { $0.number == number }) else {
            throw Failure("the guest has no port \(number)")
        }
        return port
    }

    /// Readable when the device has called; borrowed.
    var callDescriptor: Int32 { frontend.callDescriptor }

    /// Does what the driver has to do; returns whether there was anything.
    func pump() throws -> Bool {
        driver.control.pump()
        return try driver.pump()
    }

    // MARK: What the front-end does

    /// Asks for something that the daemon can always tell.
    func expectAnswer() throws {
        try expect(try frontend.ask(.getFeatures) != 0, "the daemon has no features any more")
    }

    /// Takes all memory away under the running device, and kicks every queue so that it looks.
    ///
    /// The driver must not be pumped until ``bootAgain()``: its rings are gone too.
    func loseMemory() throws {
        try file.resize(toByteCount: 0)
        for (_, queue) in driver.queues { queue.signalKick() }
    }

    /// Waits until the daemon has reported every ring broken, each once.
    func waitForErrors(within duration: Duration) throws {
        let expected = UInt64(driver.queues.count)
        let deadline = Deadline(within: duration)
        var sum: UInt64 = 0
        while sum < expected {
            var entry = pollfd(fd: frontend.errorDescriptor, events: Int16(POLLIN), revents: 0)
            let ready = unsafe poll(&entry, 1, deadline.milliseconds)
            try expect(ready == 1, "\(sum) of \(expected) rings were reported broken within \(duration)")
            sum += takeErrors()
        }
        try expectEqual(sum, expected, "reports of broken rings")
    }

    /// How many rings were reported since the last look.
    private func takeErrors() -> UInt64 {
        var count: UInt64 = 0
        return unsafe read(frontend.errorDescriptor, &count, 8) == 8 ? count : 0
    }

    /// Goes on with new memory and a new driver, on the same connection.
    func bootAgain() throws {
        try frontend.detach(driver: driver)
        try expectEqual(takeErrors(), 0, "reports of rings that were broken already")
        file = try Self.makeMemory(ports, queueSize)
        driver = try Self.makeDriver(file, ports, layout, queueSize)
        try frontend.attach(memory: file.rawValue, driver: driver)
        try driver.start()
    }

    /// Sends requests and reads no answer, until the daemon takes no more.
    ///
    /// - Returns: how many bytes it took.
    func sendUntilBlocked(_ message: FakeMessage) throws -> Int {
        let bytes = message.bytes
        var (taken, rest) = (0, bytes[...])
        while true {
            let outcome = try unsafe frontend.frontend.stream.send(rest.span.bytes)
            if case .bytes(let count) = outcome {
                taken += count
                try expect(taken < Self.unboundedByteCount, "the daemon takes requests without end")
                rest = rest.dropFirst(count)
                if rest.isEmpty { rest = bytes[...] }
                continue
            }
            try expect(outcome == .wouldBlock, "the daemon has given the front-end up: \(outcome)")
            var entry = pollfd(fd: frontend.frontend.stream.rawValue, events: Int16(POLLOUT), revents: 0)
            guard unsafe poll(&entry, 1, Self.blockedMilliseconds) > 0 else { return taken }
        }
    }

    /// A daemon that has not read for so long does not read.
    private static let blockedMilliseconds: Int32 = 100
    /// Far more than two sockets hold.
    private static let unboundedByteCount = 16 << 20
}
