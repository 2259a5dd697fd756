import ControlProtocol
import Foundation
import Glibc
import LinuxIO
import Logging
import Testing
import VirtioConsole

@testable import SerialDaemon

/// Those of the start, and those that come at run time.
@Suite("Transcripts")
struct TranscriptsTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func transcripts(_ settings: [TranscriptSettings]) throws -> Transcripts {
        var ports: [PortConfiguration] = []
        for (index, settings) in settings.enumerated() {
            var port = PortConfiguration.port("p\(index)", number: index + 1)
            port.transcript = settings
            ports.append(port)
        }
        let configuration = DaemonConfiguration(
            frontend: .inherited(3), maxPorts: 31, ports: ports, logLevel: .info)
        return try Transcripts(
            configuration, log: DaemonLogHandler.logger(queue: try LogQueue(), logLevel: .info))
    }

    private func settings(_ name: String, appends: Bool = false) -> TranscriptSettings {
        TranscriptSettings(path: "\(directory.path)/\(name)", appends: appends)
    }

    private func fill(_ name: String) {
        #expect(FileManager.default.createFile(atPath: "\(directory.path)/\(name)", contents: Data([1, 2, 3])))
    }

    private func contents(_ name: String) -> [UInt8] {
        FileManager.default.contents(atPath: "\(directory.path)/\(name)").map(Array.init) ?? []
    }

    @Test func aFileBeginsAnewUnlessItIsAppendedTo() throws {
        for name in ["a", "b"] { fill(name) }
        let transcripts = try transcripts([settings("a"), settings("b", appends: true)])
        try transcripts.open()
        #expect(contents("a") == [])
        #expect(contents("b") == [1, 2, 3])
        let taps = transcripts.taps
        #expect(taps.isEmpty, "they are the device thread's by then")
    }

    @Test func oneThatCannotBeOpenedLeavesTheOthersAsTheyWere() throws {
        fill("a")
        #expect(unsafe mkdir("\(directory.path)/d", 0o700) == 0)
        defer { unsafe rmdir("\(directory.path)/d") }
        let transcripts = try transcripts([settings("a"), settings("d")])
        #expect(throws: StartError.transcript(port: "p1", path: "\(directory.path)/d", .notAFile)) {
            try transcripts.open()
        }
        #expect(contents("a") == [1, 2, 3])
    }

    @Test func oneFileIsForOnePort() throws {
        // Another spelling of it.
        let other = TranscriptSettings(path: "/proc/self/root\(directory.path)/a")
        let transcripts = try transcripts([settings("a"), other])
        #expect(throws: StartError.transcript(port: "p1", path: "\(directory.path)/a", .takenBy(port: "p0"))) {
            try transcripts.open()
        }
    }

    /// What one port's transcript puts aside must not replace another's, and the other way round.
    @Test(arguments: [("a", "a.1"), ("a.2", "a"), ("a", "a.new")])
    func filesPutAsideAreForOnePort(first: String, second: String) throws {
        func rotating(_ name: String) -> TranscriptSettings {
            TranscriptSettings(path: "\(directory.path)/\(name)", maximumByteCount: 4096, oldFileCount: 2)
        }
        let colliding = try transcripts([rotating(first), rotating(second)])
        let path = "\(directory.path)/\(second)"
        #expect(throws: StartError.transcript(port: "p1", path: path, .takenBy(port: "p0"))) { try colliding.open() }
        // What is not put aside replaces nothing.
        try transcripts([settings(first), settings(second)]).open()
    }

    @Test func aMissingDirectoryIsSaidBeforeTheProcessIsShutIn() throws {
        let path = "\(directory.path)/none/a"
        #expect(
            throws: StartError.transcript(port: "p0", path: path, .directoryMissing("\(directory.path)/none"))
        ) {
            _ = try transcripts([TranscriptSettings(path: path)])
        }
    }

    @Test func aSignalWritesAndOpensAgain() throws {
        let transcripts = try transcripts([settings("a")])
        let tap = try #require(transcripts.taps[1])
        try transcripts.open()
        tap.append(1)
        #expect(isReadable(transcripts.descriptor))
        #expect(unsafe rename("\(directory.path)/a", "\(directory.path)/a.old") == 0)
        transcripts.reopen()
        #expect(!isReadable(transcripts.descriptor))
        tap.append(2)
        transcripts.write()
        #expect(contents("a.old") == [1])
        #expect(contents("a") == [2])
    }

    // MARK: At run time

    @Test func aPortThatIsAddedHasOne() throws {
        let fixture = try ControlServerFixture()
        try fixture.device.boot()
        let peer = try fixture.negotiated()
        let path = "\(fixture.directory.path)/log"
        let answer = try peer.execute(
            "port-add", ["id": "x", "nr": 2, "clients-absent": "discard", "logfile": .string(path), "log-size": "64K"],
            as: AddedPort.self)
        #expect(answer.error == nil)
        try fixture.device.guest.sendPortReady(2)
        try fixture.device.open(2)
        try fixture.device.guest.write([1, 2, 3], port: 2)
        try fixture.settle()
        #expect(FileManager.default.contents(atPath: path).map(Array.init) == [1, 2, 3])
        let port = try #require(try peer.execute("query-ports", as: [PortStatus].self).return?.last)
        #expect(port.transcriptLost == 0 && port.transcriptRotationsFailed == 0)
        #expect(port.settings.logfile == path && port.settings.logSize == 65536 && port.settings.logFiles == 1)
        // What it is written to cannot change; the rest of the port can, and the transcript stays.
        let refusal = try peer.execute("port-set", ["id": "x", "logfile": "/tmp/x"]).error
        #expect(refusal?.desc.contains("unexpected") == true)
        #expect(try peer.execute("port-set", ["id": "x", "rate": "1M"]).error == nil)
        #expect(try peer.execute("query-ports", as: [PortStatus].self).return?.last?.settings.rate == 1 << 20)
        try fixture.device.guest.write([4], port: 2)
        try fixture.settle()
        #expect(try peer.execute("port-set", ["id": "x", "rate": 0]).error == nil)
        #expect(try peer.execute("query-ports", as: [PortStatus].self).return?.last?.settings.rate == nil)
        // Its last bytes are written when it goes, and another port of the number has none.
        try fixture.device.guest.write([5], port: 2)
        #expect(try peer.execute("port-remove", ["id": "x"]).error == nil)
        #expect(FileManager.default.contents(atPath: path).map(Array.init) == [1, 2, 3, 4, 5])
        #expect(fixture.transcripts.isEmpty)
        #expect(fixture.device.loop.transcribedPorts.isEmpty)
    }

    @Test(
        "what cannot be written is refused, and no port is added",
        arguments: [
            ("/usr/log", "only directories of its sockets and files"), ("DIR/sub/log", "No such file"),
            ("log", "only directories"), ("DIR/control", "no regular file"), ("DIR/", "must be"), ("DIR/..", "must be"),
            ("DIRx/log", "only directories"),
        ])
    func refused(path: String, reason: String) throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        let path = path.replacing("DIR", with: fixture.directory.path)
        let error = try peer.execute("port-add", ["id": "x", "logfile": .string(path)], as: AddedPort.self).error
        #expect(error?.desc.contains(reason) == true, "\(String(describing: error))")
        #expect(try peer.execute("query-ports", as: [PortStatus].self).return?.count == 1)
        #expect(fixture.transcripts.isEmpty)
    }
}
