import BasicContainers
import ControlProtocol
import Glibc
import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// A port whose clients' sockets keep records apart.
@Suite("Endpoints: records")
struct RecordEndpointTests {
    /// A class, because a tuple cannot hold what is not copyable.
    private final class Client {
        private var stream: UnixStream?

        init(_ address: UnixAddress) throws {
            stream = try UnixStream.connect(to: address, type: .records)
        }

        func write(_ record: [UInt8]) throws { try stream?.write(record) }
        func read() throws -> [UInt8] { try stream?.read() ?? [] }

        func writeNothing() {
            let count = send(stream?.rawValue ?? -1, nil, 0, Int32(MSG_NOSIGNAL))
            #expect(count == 0)
        }

        func close(seenBy descriptor: Int32?) {
            stream.take()?.close(seenBy: descriptor)
        }
    }

    private static func connected() throws -> (fixture: DeviceLoopFixture, client: Client) {
        let fixture = try DeviceLoopFixture([.port(endpoint: .listener(.abstract(""), .records))])
        try fixture.boot()
        let client = try Client(fixture.address(of: 1))
        try fixture.settle()
        try fixture.open(1)
        return (fixture, client)
    }

    @Test func aChainIsARecord() throws {
        let (fixture, client) = try Self.connected()
        let records = [pattern(1), pattern(4096), pattern(100)]
        for record in records { try fixture.guest.write(record, port: 1) }
        try fixture.settle()
        for record in records { #expect(try client.read() == record) }
        #expect(try client.read() == [])
    }

    /// The guest's program goes with half of a record: the other half is not for the next one.
    @Test(arguments: [true, false]) func theRestOfARecordGoesWithTheGuestsProgram(hasBegun: Bool) throws {
        let fixture = try DeviceLoopFixture([.port(endpoint: .listener(.abstract(""), .records))])
        try fixture.boot()
        let client = try Client(fixture.address(of: 1))
        try fixture.settle()
        try fixture.guest.sendOpen(1)
        try fixture.settle()
        if hasBegun { try fixture.guest.offerBuffers(port: 1, count: 2) }
        try client.write(pattern(20_000))
        try fixture.settle()
        let begun = fixture.guest.read(port: 1).count
        #expect(begun == (hasBegun ? 8192 : 0))
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        try client.write([1])
        try fixture.guest.sendOpen(1)
        try fixture.guest.offerBuffers(port: 1, count: 8)
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), (hasBegun ? [] : pattern(20_000)) + [1])
        #expect(fixture.counters(1).unreadBytes == (hasBegun ? 20_000 - 8192 : 0))
    }

    @Test func aRecordBeginsInABufferOfItsOwn() throws {
        let (fixture, client) = try Self.connected()
        let records = [pattern(3), pattern(5000), pattern(1)]
        for record in records { try client.write(record) }
        try fixture.settle()
        let buffers = fixture.guest.receiveq(1).reap()
        #expect(buffers.map(\.count) == [3, 4096, 904, 1])
        #expect(buffers.flatMap { $0 } == records.flatMap { $0 })
    }

    @Test func aRecordIsWholeOverManyBuffers() throws {
        let (fixture, client) = try Self.connected()
        let record = pattern(RecordChannel.maximumByteCount)
        try client.write(record)
        var received: [UInt8] = []
        for _ in 0..<3 {
            try fixture.settle()
            received += fixture.guest.read(port: 1)
            try fixture.guest.offerBuffers(port: 1, count: 8, byteCount: 4096)
        }
        #expect(received == record)
    }

    @Test func aRecordThatIsTooLargeIsRefusedWholeAndCounted() throws {
        let (fixture, client) = try Self.connected()
        try client.write(pattern(RecordChannel.maximumByteCount + 1))
        try client.write(Array("next".utf8))
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == Array("next".utf8))
        #expect(fixture.counters(1).oversizedToGuestBytes == UInt64(RecordChannel.maximumByteCount + 1))
        #expect(try fixture.status(of: 1)?.toGuest.discarded["record-too-large"] == 65537)
    }

    @Test func aChainThatIsTooLargeIsThrownAwayWholeAndCounted() throws {
        let (fixture, client) = try Self.connected()
        try fixture.guest.write(pattern(RecordChannel.maximumByteCount + 1), port: 1)
        try fixture.guest.write(Array("next".utf8), port: 1)
        try fixture.settle()
        #expect(try client.read() == Array("next".utf8))
        #expect(fixture.counters(1).oversizedToHostBytes == UInt64(RecordChannel.maximumByteCount + 1))
        #expect(try fixture.status(of: 1)?.toHost.discarded["record-too-large"] == 65537)
    }

    @Test func anEmptyRecordIsNoEnd() throws {
        let (fixture, client) = try Self.connected()
        client.writeNothing()
        try client.write([1])
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [1])
        #expect(fixture.hasClient(1))
    }

    @Test func lastRecordsOfAClientReachTheGuest() throws {
        let (fixture, client) = try Self.connected()
        for index in 0..<5 { try client.write([UInt8(index)]) }
        let descriptor = fixture.loop.endpoints[1].inputDescriptor
        client.close(seenBy: descriptor)
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [0, 1, 2, 3, 4])
        #expect(!fixture.hasClient(1))
    }

    @Test func aSlowClientGetsEveryRecord() throws {
        let (fixture, client) = try Self.connected()
        try fixture.shrinkBuffer(port: 1)
        var records: [[UInt8]] = []
        for index in 0..<30 {
            records.append([UInt8](repeating: UInt8(index), count: 900 + index))
            try fixture.guest.write(records[index], port: 1)
        }
        var received: [[UInt8]] = []
        try fixture.settle()
        #expect(fixture.guest.transmitq(1).inFlight.count > 0)
        while true {
            let record = try client.read()
            guard !record.isEmpty else { break }
            received.append(record)
            try fixture.settle()
        }
        #expect(received == records)
    }
}
