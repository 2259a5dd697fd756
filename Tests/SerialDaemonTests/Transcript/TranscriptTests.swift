import ControlProtocol
import Foundation
import Glibc
import LinuxIO
import Logging
import Testing
import VirtioTestSupport

@testable import SerialDaemon

/// What the guest writes, from its ring to a file.
@Suite("Transcript")
struct TranscriptTests {
    /// A device with one port, whose transcript is written when the test says so.
    private final class Scene {
        let device: DeviceLoopFixture
        let directory: TemporaryDirectory
        let tap: TranscriptTap
        let transcript: Transcript
        private let logQueue: LogQueue
        private var log: [String] = []

        init(
            _ port: PortConfiguration = .port(), capacity: Int = TranscriptTap.usualCapacity
        ) throws {
            device = try DeviceLoopFixture([port])
            directory = try TemporaryDirectory()
            logQueue = try LogQueue()
            tap = TranscriptTap(capacity: capacity, signal: try TranscriptSignal())
            let path = "\(directory.path)/log"
            transcript = Transcript(
                tap, try TranscriptFile(path, TranscriptSettings(path: path)),
                log: DaemonLogHandler.logger(queue: logQueue, logLevel: .debug))
            device.loop.startTranscript(port: port.number, tap)
            try device.boot()
            try device.open(port.number)
        }

        func write(_ bytes: [UInt8]) throws {
            try device.guest.write(bytes, port: 1)
            try device.settle()
        }

        var contents: [UInt8] {
            FileManager.default.contents(atPath: "\(directory.path)/log").map(Array.init) ?? []
        }

        var lines: [String] {
            log += logQueue.take().lines.map(\.text)
            return log
        }
    }

    /// The counters that a transcript goes by begin anew with the port.
    @Test func aPortThatTakesAnothersNumberBeginsAtNothing() throws {
        let scene = try Scene(.port(clientsAbsent: .discard))
        try scene.write(pattern(1000))
        let device = scene.device
        _ = try device.perform(.removePort(1))
        let tap = TranscriptTap(capacity: TranscriptTap.usualCapacity, signal: try TranscriptSignal())
        let port = PortConfiguration.port("another", clientsAbsent: .discard, endpoint: .null)
        _ = try device.perform(.addPort(PortAddition(port, binding: .permanent(.null), transcript: tap)))
        _ = device.takeControl()
        try device.guest.sendPortReady(1)
        try device.guest.sendOpen(1)
        try scene.write(pattern(10))
        #expect(try device.status(of: 1)?.toHost.accepted == 10)
        #expect(try device.status(of: 1)?.transcriptLost == 0)
    }

    @Test func itHasWhatTheClientGets() throws {
        let scene = try Scene()
        let client = try scene.device.connect(1)
        try scene.write(pattern(1000))
        client.send(pattern(500))
        try scene.write(pattern(32 << 10, from: 1000))
        expectEqual(client.receive(), pattern(1000 + 32 << 10))
        scene.transcript.write()
        expectEqual(scene.contents, pattern(1000 + 32 << 10))
        #expect(scene.tap.counts == .init())
        #expect(scene.lines == [])
    }

    @Test("without a client it has what the policy keeps or throws away", arguments: [ClientsAbsent.buffer, .discard])
    func withoutAClient(policy: ClientsAbsent) throws {
        let scene = try Scene(.port(clientsAbsent: policy, bufferByteCount: 1000))
        for index in 0..<10 { try scene.write(pattern(1000, from: 1000 * index)) }
        let client = try scene.device.connect(1)
        expectEqual(client.receive(), policy == .buffer ? pattern(1000, from: 9000) : [])
        scene.transcript.write()
        expectEqual(scene.contents, pattern(10_000))
    }

    /// The bytes in the client's socket and those that were in the ring when it left: the guest has written them all.
    @Test func whatWasForAClientThatHasGoneIsInIt() throws {
        let scene = try Scene()
        let client = try scene.device.connect(1)
        try scene.device.shrinkBuffer(port: 1)
        for index in 0..<8 { try scene.write(pattern(32 << 10, from: index * 32 << 10)) }
        let held = try #require(try scene.device.status(of: 1)?.toHost)
        #expect(held.accepted < 256 << 10, "the client is slow")
        client.close()
        try scene.device.settle()
        #expect(try scene.device.status(of: 1)?.toHost.discarded["client-gone"] ?? 0 > 0)
        scene.transcript.write()
        expectEqual(scene.contents, pattern(256 << 10))
    }

    /// A chain of which only a part was taken is in it once, also when it is offered again.
    @Test func aPauseDoublesNothing() throws {
        let scene = try Scene()
        let client = try scene.device.connect(1)
        try scene.device.shrinkBuffer(port: 1)
        for index in 0..<4 { try scene.write(pattern(32 << 10, from: index * 32 << 10)) }
        try scene.device.stopRings()
        try scene.device.startRings()
        var received = try scene.device.readAll(client)
        received += client.receive()
        expectEqual(received, pattern(128 << 10))
        scene.transcript.write()
        expectEqual(scene.contents, pattern(128 << 10))
    }

    /// Of a chain that is thrown away only as much is seen as one batch holds.
    @Test func whatWasNeverSeenIsCounted() throws {
        let scene = try Scene(.port(clientsAbsent: .discard))
        // Pieces apart from each other, more than a batch has room for.
        scene.device.guest.transmitq(1).writeIndirect((0..<1024).map { [UInt8(truncatingIfNeeded: $0)] })
        scene.device.guest.transmitq(1).writeIndirect((0..<1024).map { [UInt8(truncatingIfNeeded: $0)] })
        try scene.device.guest.transmitq(1).notify()
        try scene.device.settle()
        scene.transcript.write()
        let accepted = try #require(try scene.device.status(of: 1)?.toHost.accepted)
        #expect(accepted == 2048)
        #expect(UInt64(scene.contents.count) + scene.tap.counts.lost == accepted)
    }

    @Test func anEmergencyWriteIsInIt() throws {
        let scene = try Scene(.console(number: 1))
        try scene.device.say(.setConfig(offset: 8, pack(UInt32(0x41))))
        scene.transcript.write()
        #expect(scene.contents == [0x41])
    }

    @Test("bytes that find no room are lost and counted, the port is not slowed, and both ends of it are told")
    func noRoom() throws {
        let scene = try Scene(.port(clientsAbsent: .discard), capacity: 1000)
        try scene.write(pattern(800))
        try scene.write(pattern(800, from: 800))
        try scene.write(pattern(800, from: 1600))
        #expect(try scene.device.status(of: 1)?.toHost.accepted == 2400)
        #expect(try scene.device.status(of: 1)?.transcriptLost == 1400)
        scene.transcript.write()
        expectEqual(scene.contents, pattern(1000))
        #expect(scene.lines.count == 1)
        #expect(scene.lines.first?.contains("are missing in \(scene.directory.path)/log: they come faster") == true)
        try scene.write(pattern(100, from: 2400))
        scene.transcript.write()
        expectEqual(scene.contents, pattern(1000) + pattern(100, from: 2400))
        #expect(scene.lines.count == 2)
        #expect(scene.lines.last?.contains("is written again, after a gap of 1400 bytes") == true)
        #expect(try scene.device.status(of: 1)?.transcriptLost == 1400)
    }

    @Test func whoLosesAgainAndAgainIsToldNowAndThen() throws {
        let scene = try Scene(.port(clientsAbsent: .discard), capacity: 10)
        for _ in 0..<50 {
            try scene.write(pattern(20))
            scene.transcript.write()
            try scene.write(pattern(5))
            scene.transcript.write()
        }
        #expect(scene.tap.counts.lost == 500)
        #expect(scene.lines.count == 10, "five beginnings and their ends")
    }

    @Test func aPortWithoutOneIsNotCopied() throws {
        let scene = try Scene()
        scene.device.loop.stopTranscript(port: 1)
        let client = try scene.device.connect(1)
        try scene.write(pattern(100))
        #expect(client.receive().count == 100)
        scene.transcript.write()
        #expect(scene.contents.isEmpty)
        #expect(try scene.device.status(of: 1)?.transcriptLost == nil)
    }
}
