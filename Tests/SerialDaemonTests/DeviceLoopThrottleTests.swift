import ControlProtocol
import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Ports with a rate: the writer waits, and no byte is lost.
@Suite("DeviceLoop: rate")
struct DeviceLoopThrottleTests {
    /// So slow that nothing worth mentioning is earned while a test runs.
    private static let slow = 1 << 10
    private static let burst = ByteThrottle.burst(bytesPerSecond: slow)
    /// Its burst is worth a tenth of a second.
    private static let fast = 2 << 20

    private func scene(_ rate: Int?) throws -> (fixture: DeviceLoopFixture, client: HostClient) {
        var port = PortConfiguration.port()
        port.bytesPerSecond = rate
        return try DeviceLoopFixture.connected(port)
    }

    /// The guest writes as much as its ring holds, 32 KiB at a time; returns how much the client gets.
    private func write(_ byteCount: Int, _ fixture: DeviceLoopFixture, _ client: HostClient) throws -> [UInt8] {
        for start in stride(from: 0, to: byteCount, by: 32 << 10) {
            try fixture.guest.write(pattern(min(32 << 10, byteCount - start), from: start), port: 1)
        }
        try fixture.settle()
        return try fixture.readAll(client)
    }

    private func change(_ fixture: DeviceLoopFixture, rate: Int?) throws {
        var port = try fixture.endpointConfiguration(1)
        port.bytesPerSecond = rate
        guard case .done? = try fixture.perform(.changePort(port)) else {
            Issue.record("the port cannot be changed")
            return
        }
    }

    @Test func theGuestsWriterWaits() throws {
        let (fixture, client) = try scene(Self.slow)
        let received = try write(256 << 10, fixture, client)
        // The chain that passes the burst is taken whole.
        #expect((Self.burst...Self.burst + 33 << 10).contains(received.count))
        expectEqual(received, pattern(received.count))
        #expect(fixture.guest.transmitq(1).unusedByteCount + received.count >= 256 << 10)
        #expect(fixture.loop.throttledPorts.contains(1), "it is the timer that it waits for")
        #expect(try fixture.status(of: 1)?.toHost.throttledNanoseconds ?? 0 > 0)
    }

    @Test func theClientWaits() throws {
        let (fixture, client) = try scene(Self.slow)
        client.growSendBuffer()
        let sent = client.send(pattern(160 << 10))
        #expect(sent == 160 << 10)
        try fixture.settle()
        var received = fixture.guest.read(port: 1)
        for _ in 0..<10 {
            try fixture.guest.offerBuffers(port: 1)
            try fixture.settle()
            received += fixture.guest.read(port: 1)
        }
        #expect((Self.burst...Self.burst + 8192).contains(received.count))
        expectEqual(received, pattern(received.count))
        let status = try #require(try fixture.status(of: 1)?.toGuest)
        #expect(status.throttledNanoseconds > 0)
        #expect(!status.stalled, "it is not the guest that it waits for")
    }

    @Test func oneDirectionDoesNotSlowTheOther() throws {
        let (fixture, client) = try scene(Self.slow)
        _ = try write(256 << 10, fixture, client)
        client.send(pattern(1000))
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), pattern(1000))
    }

    @Test func aPortWithoutRateIsNotSlowed() throws {
        let (fixture, client) = try scene(nil)
        expectEqual(try write(512 << 10, fixture, client), pattern(512 << 10))
        #expect(fixture.loop.throttledPorts.isEmpty)
        #expect(try fixture.status(of: 1)?.toHost.throttledNanoseconds == 0)
    }

    /// The timer brings what is left, every byte of it.
    @Test func itGoesOnWhenTheWaitIsOver() throws {
        let (fixture, client) = try scene(Self.fast)
        var received = try write(400 << 10, fixture, client)
        #expect(received.count < 400 << 10)
        try fixture.settle {
            received += client.receive()
            return received.count == 400 << 10
        }
        expectEqual(received, pattern(400 << 10))
        client.growSendBuffer()
        client.send(pattern(200 << 10))
        var back: [UInt8] = []
        try fixture.settle {
            try? fixture.guest.offerBuffers(port: 1)
            back += fixture.guest.read(port: 1)
            return back.count == 200 << 10
        }
        expectEqual(back, pattern(200 << 10))
    }

    @Test func anotherRateCountsAtOnce() throws {
        let (fixture, client) = try scene(Self.slow)
        var received = try write(256 << 10, fixture, client)
        #expect(received.count < 256 << 10)
        try change(fixture, rate: nil)
        received += try fixture.readAll(client)
        expectEqual(received, pattern(256 << 10))
        #expect(try fixture.status(of: 1)?.toHost.throttledNanoseconds ?? 0 > 0, "what was measured is kept")
        try change(fixture, rate: Self.slow)
        #expect(try write(256 << 10, fixture, client).count < 256 << 10)
    }

    @Test("with any policy it is the writer that waits", arguments: [ClientsAbsent.buffer, .discard])
    func withoutAClient(policy: ClientsAbsent) throws {
        var port = PortConfiguration.port(clientsAbsent: policy)
        port.bytesPerSecond = Self.slow
        let fixture = try DeviceLoopFixture([port])
        try fixture.boot()
        try fixture.open(1)
        for _ in 0..<8 { try fixture.guest.write(pattern(32 << 10), port: 1) }
        try fixture.settle()
        let accepted = try #require(try fixture.status(of: 1)?.toHost.accepted)
        #expect((UInt64(Self.burst)...UInt64(Self.burst + 33 << 10)).contains(accepted))
    }

    @Test func aPauseLosesNothingOfWhatWaits() throws {
        let (fixture, client) = try scene(Self.slow)
        var received = try write(256 << 10, fixture, client)
        try fixture.stopRings()
        try fixture.startRings()
        #expect(fixture.loop.throttledPorts.contains(1))
        try change(fixture, rate: nil)
        received += try fixture.readAll(client)
        expectEqual(received, pattern(256 << 10))
    }

    /// The next client need not wait until it would have been sent.
    @Test func whatWasForAClientThatHasGoneIsThrownAwayAtOnce() throws {
        let (fixture, client) = try scene(Self.slow)
        let received = try write(256 << 10, fixture, client)
        let waiting = fixture.guest.transmitq(1).unusedByteCount
        #expect(waiting >= 128 << 10)
        client.close()
        try fixture.settle()
        let discarded = try fixture.status(of: 1)?.toHost.discarded["client-gone"]
        #expect(discarded == UInt64((256 << 10) - received.count))
    }

    @Test func anotherPortOfTheNumberHasARateOfItsOwn() throws {
        let (fixture, client) = try scene(Self.slow)
        _ = try write(256 << 10, fixture, client)
        _ = try fixture.perform(.removePort(1))
        #expect(fixture.loop.throttledPorts.isEmpty && fixture.loop.limitedPorts.isEmpty)
        _ = try fixture.add(.port("other"))
        #expect(try fixture.status(of: 1)?.toHost.throttledNanoseconds == 0)
    }

    /// The end of one port's wait is nothing to the others that wait.
    @Test func whoWaitsOnIsNotWoken() throws {
        var ports = [PortConfiguration.port("a", number: 1), .port("b", number: 2)]
        for index in ports.indices { ports[index].bytesPerSecond = Self.slow }
        let fixture = try DeviceLoopFixture(ports)
        let now = fixture.loop.turnStart
        var ends: [UInt64] = []
        for port in 1...2 {
            fixture.loop.throttles[port].toHost.take(Self.burst + port * Self.slow)
            #expect(fixture.loop.allowance(port: port, \.toHost) == 0)
            ends.append(try #require(fixture.loop.throttles[port].resumption(after: now)))
        }
        #expect(ends[0] < ends[1])
        fixture.loop.endThrottles(now: ends[0])
        let woken = (1...2).filter { fixture.loop.readyPorts.contains($0) }
        #expect(woken == [1])
        let waiting = (1...2).filter { fixture.loop.throttledPorts.contains($0) }
        #expect(waiting == [2])
    }
}
