import ControlProtocol
import Glibc
import LinuxIO
import Testing
import VirtioConsole

@testable import SerialDaemon

/// What is told to an operator, and when.
@Suite("DeviceLoop: events")
struct DeviceLoopEventsTests {
    @Test func aLifeIsToldInOrder() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.open(1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        client.close()
        try fixture.settle()
        try fixture.disconnectFrontend()
        let peer = try ownCredentials()
        #expect(
            fixture.takeEvents() == [
                .frontendConnected(peer), .guestReady, .clientConnected("vm.data", peer),
                .portChanged("vm.data", isOpen: true), .portChanged("vm.data", isOpen: false),
                .clientDisconnected("vm.data", peer), .guestReset, .frontendDisconnected(peer),
            ])
    }

    @Test func aGuestThatGoesHasClosedItsPorts() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        _ = fixture.takeEvents()
        try fixture.disconnectFrontend()
        let peer = try ownCredentials()
        #expect(
            fixture.takeEvents() == [
                .guestReset, .portChanged("vm.data", isOpen: false), .frontendDisconnected(peer),
            ])
        client.close()
    }

    @Test func aClientThatReadsNothingThrottlesThePort() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.shrinkBuffer(port: 1)
        _ = fixture.takeEvents()
        for _ in 0..<20 { try fixture.guest.write(pattern(4096), port: 1) }
        try fixture.settle()
        #expect(try fixture.status(of: 1)?.toHost.stalled == true)
        #expect(fixture.takeEvents().isEmpty, "it is told after a second")
        var told: [DeviceEvent] = []
        try fixture.settle(until: {
            told += fixture.takeEvents()
            return !told.isEmpty
        })
        guard case .portThrottled("vm.data", .toHost, let nanoseconds)? = told.first else {
            Issue.record("\(told)")
            return
        }
        #expect(nanoseconds >= DeviceLoop.throttledNanoseconds)
        #expect(told.count == 1)
        _ = try fixture.readAll(client)
        let status = try #require(try fixture.status(of: 1))
        #expect(!status.toHost.stalled)
        #expect(status.toHost.stalls > 0)
        #expect(status.toHost.stalledNanoseconds >= DeviceLoop.throttledNanoseconds)
    }

    @Test func aGuestWithoutBuffersThrottlesItsClient() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.guest.sendOpen(1)
        try fixture.settle()
        client.send([1])
        try fixture.settle()
        let status = try #require(try fixture.status(of: 1))
        #expect(status.toGuest.stalled)
        #expect(status.toGuest.stalls == 1)
        try fixture.guest.offerBuffers(port: 1)
        try fixture.settle()
        #expect(try fixture.status(of: 1)?.toGuest.stalled == false)
        #expect(fixture.guest.read(port: 1) == [1])
    }

    @Test("a port that is expected to be opened is missed, once", arguments: [false, true])
    func notOpened(isOpened: Bool) throws {
        var port = PortConfiguration.port()
        port.expectOpenNanoseconds = 50_000_000
        let fixture = try DeviceLoopFixture([port])
        try fixture.boot()
        if isOpened { try fixture.open(1) }
        _ = fixture.takeEvents()
        let start = MonotonicClock.nanoseconds()
        var told: [DeviceEvent] = []
        try fixture.settle(until: {
            told += fixture.takeEvents()
            return !told.isEmpty || MonotonicClock.nanoseconds() - start > 100_000_000
        })
        #expect(told == (isOpened ? [] : [.portNotOpened("vm.data", nanoseconds: 50_000_000)]))
        #expect(fixture.lines.contains { $0.contains("has not opened the port") } == !isOpened)
    }

    @Test func theHistogramHasEachKickOnce() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        for byte in 0..<5 {
            try fixture.guest.write([UInt8(byte)], port: 1)
            try fixture.settle()
        }
        guard case .snapshot(let snapshot)? = try fixture.perform(.takeSnapshot) else {
            Issue.record("no snapshot")
            return
        }
        let histogram = try #require(snapshot.ports.first?.latency)
        var count: UInt64 = 0
        for index in 0..<LatencyHistogram.bucketCount { count += histogram.counts[index] }
        // One more at the most: the kick with which QEMU starts a ring.
        #expect(count == 5 || count == 6)
        #expect(histogram.sum > 0)
        client.close()
    }
}

/// Those of this process.
private func ownCredentials() throws -> PeerCredentials {
    let pair = try UnixStream.pair()
    return try pair.first.peerCredentials()
}
