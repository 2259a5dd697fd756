import Glibc
import LinuxIO
import Logging
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// A port that the daemon connects to somebody: the device thread asks, the control thread connects.
@Suite("Endpoints: connector")
struct ConnectorTests {
    /// Nobody has connected.
    private struct Missing: Error {}

    /// Both threads' parts, played by one.
    private final class Fixture {
        let device: DeviceLoopFixture
        let connectors: PortConnectors
        let address: UnixAddress
        private let logQueue: LogQueue

        init(_ port: PortConfiguration? = nil) throws {
            let endpoint = EndpointConfiguration.connector(
                .path("host.sock"), .stream, .init(longestNanoseconds: 20_000_000))
            device = try DeviceLoopFixture([port ?? .port(endpoint: endpoint)])
            logQueue = try LogQueue()
            connectors = try PortConnectors(
                catalogue: PortCatalogue(device.configuration, files: [:]), mailbox: device.mailbox,
                log: DaemonLogHandler.logger(queue: logQueue, logLevel: .debug))
            address = .path(device.directory.path + "/host.sock")
            try device.boot()
            try device.open(1)
            _ = device.takeControl()
        }

        var lines: [String] { logQueue.take().lines.map(\.text) }

        /// What the control loop does when the device thread has said something, or the timer has fired.
        func control() throws {
            let wanted = device.mailbox.takeReports().wantedConnections
            if !wanted.isEmpty { try connectors.want(wanted) }
            try connectors.connectDue()
            try device.settle()
        }

        /// Waits for the timer until something is true.
        func control(until isDone: () throws -> Bool) throws {
            for _ in 0..<500 where try !isDone() {
                var entry = pollfd(fd: connectors.descriptor, events: Int16(POLLIN), revents: 0)
                _ = unsafe poll(&entry, 1, 20)
                try control()
            }
            #expect(try isDone())
        }
    }

    @Test func aListenerThatIsThereGetsTheBytes() throws {
        let fixture = try Fixture()
        let listener = try UnixListener.bind(to: fixture.address, mode: 0o600)
        try fixture.control { fixture.device.hasClient(1) }
        guard let other = try listener.accept() else { throw Missing() }
        #expect(fixture.device.takeControl() == [.open(1, true)])
        try fixture.device.guest.write(Array("to host".utf8), port: 1)
        try fixture.device.settle()
        #expect(try other.read() == Array("to host".utf8))
        try other.write(Array("to guest".utf8))
        try fixture.device.settle()
        #expect(fixture.device.guest.read(port: 1) == Array("to guest".utf8))
        #expect(fixture.device.client(1)?.peer?.processIdentifier == getpid())
    }

    @Test func itIsTriedAgainUntilSomebodyListens_andSaidOnce() throws {
        let fixture = try Fixture()
        for _ in 0..<3 { try fixture.control() }
        #expect(!fixture.device.hasClient(1))
        #expect(fixture.lines.filter { $0.contains("waiting for") }.count == 1)
        let listener = try UnixListener.bind(to: fixture.address, mode: 0o600)
        try fixture.control { fixture.device.hasClient(1) }
        guard try listener.accept() != nil else { throw Missing() }
    }

    @Test func itConnectsAgainWhenTheOtherHasGone_andNotWithoutEnd() throws {
        let fixture = try Fixture()
        let listener = try UnixListener.bind(to: fixture.address, mode: 0o600)
        var connections = 0
        let start = MonotonicClock.nanoseconds()
        // Somebody who accepts and closes at once.
        try fixture.control {
            if let other = try listener.accept() {
                connections += 1
                drop(other)
                try fixture.device.settle()
            }
            return connections == 6
        }
        // Pauses of 10 and then 20 ms between them, and none before the first.
        #expect(MonotonicClock.nanoseconds() - start >= 90_000_000)
    }

    @Test func aListenerThatMayNotBeServedIsLeft() throws {
        var port = PortConfiguration.port(
            endpoint: .connector(.path("host.sock"), .stream, .init(longestNanoseconds: 20_000_000)))
        port.peerPolicy = PeerPolicy(users: [geteuid() &+ 1])
        let fixture = try Fixture(port)
        let listener = try UnixListener.bind(to: fixture.address, mode: 0o600)
        var refused = 0
        try fixture.control {
            if let other = try listener.accept() {
                if try other.isAtItsEnd { refused += 1 }
            }
            return refused == 2
        }
        #expect(!fixture.device.hasClient(1))
    }

    @Test func aConnectionForAPortThatHasGoneIsClosed() throws {
        let fixture = try Fixture()
        let ends = try UnixStream.pair()
        let arrival = ClientArrival(port: 1, name: "another port", ends.second)
        fixture.device.mailbox.send(.admit(arrival))
        try fixture.device.settle()
        #expect(!fixture.device.hasClient(1))
        guard arrival.takeStream() != nil else { throw Missing() }
    }

    @Test func pausesGrowToTheLongest() {
        let delay = EndpointConfiguration.ReconnectDelay(longestNanoseconds: 35_000_000)
        var pauses: [UInt64] = []
        var pause: UInt64?
        for _ in 0..<4 {
            pause = delay.following(pause)
            pauses.append(pause ?? 0)
        }
        #expect(pauses == [10_000_000, 20_000_000, 35_000_000, 35_000_000])
        #expect(EndpointConfiguration.ReconnectDelay(longestNanoseconds: 1_000_000).following(nil) == 1_000_000)
    }
}
