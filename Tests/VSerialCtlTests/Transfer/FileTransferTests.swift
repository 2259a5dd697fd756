import ClientProtocols
import Testing

@testable import vserialctl

@Suite("FileTransfer")
struct FileTransferTests {
    private static let checksum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

    /// Receives what a guest says, and returns how that failed, what the guest was told, and whether there is a file.
    private func receive(
        _ said: String, thenHangUp: Bool = false, timeoutSeconds: Double = 20, maximum: UInt64 = 1000
    ) throws -> (failure: CommandFailure?, told: String?, names: [String]) {
        let folder = try ScratchDirectory()
        let ends = try streamEnds()
        try ends.peer.say(said)
        if thenHangUp { try ends.peer.hangUp() }
        var failure: CommandFailure?
        do throws(CommandFailure) {
            let file = try ReceivedFile(path: "\(folder.path)/f")
            let transfer = FileTransfer(stream: ends.stream, timeoutSeconds: timeoutSeconds)
            try transfer.receive(into: file, atMost: maximum) { ProgressLine($0.name, total: nil, isShown: false) }
        } catch {
            failure = error
        }
        return (failure, try ends.peer.hearLine(), folder.names)
    }

    @Test func aWholeFileIsKeptAndTheGuestTold() throws {
        let result = try receive("VSERIAL-FILE 1 5 x\nhello\(Self.checksum)\n")
        #expect(result.failure == nil)
        #expect(result.told == "ok")
        #expect(result.names == ["f"])
    }

    @Test(
        arguments: [
            // Another byte, a wrong checksum, a count that is one too small, a size above the limit, no header, none at all.
            ("VSERIAL-FILE 1 5 x\nhellO\(Self.checksum)\n", 65), ("VSERIAL-FILE 1 5 x\nhello00\n", 65),
            ("VSERIAL-FILE 1 4 x\nhello\(Self.checksum)\n", 65), ("VSERIAL-FILE 1 1001 x\n", 1), ("hello\n", 1),
            (String(repeating: "x", count: 600), 1),
        ] as [(String, Int32)])
    func whatIsWrongIsNotKept(said: String, code: Int32) throws {
        let result = try receive(said)
        #expect(result.failure?.exitCode == code)
        #expect(result.told?.hasPrefix("failed ") == true)
        #expect(result.names == [])
    }

    @Test(arguments: ["", "VSERIAL-FILE 1 5", "VSERIAL-FILE 1 5 x\nhel", "VSERIAL-FILE 1 5 x\nhello", "x"])
    func aGuestThatStopsIsNotWaitedFor(said: String) throws {
        #expect(try receive(said, timeoutSeconds: 0.2).failure?.exitCode == 75)
        let gone = try receive(said, thenHangUp: true)
        #expect(gone.failure?.exitCode == 65)
        #expect(gone.names == [])
    }

    @Test(
        arguments: [("ok\n", nil), ("failed disk full\n", 65), ("okay\n", 65), (String(repeating: "o", count: 600), 1)]
            as [(String, Int32?)])
    func theGuestsWordCounts(answer: String, code: Int32?) throws {
        let folder = try ScratchDirectory()
        try write(Array("hello".utf8), to: "\(folder.path)/f")
        let ends = try streamEnds()
        try ends.peer.say(answer)
        var failure: CommandFailure?
        do throws(CommandFailure) {
            let transfer = FileTransfer(stream: ends.stream, timeoutSeconds: 20)
            try transfer.send(
                try LocalFile(path: "\(folder.path)/f"), name: "f",
                progress: ProgressLine("f", total: 5, isShown: false))
        } catch {
            failure = error
        }
        #expect(failure?.exitCode == code)
        #expect(try ends.peer.hearLine() == "VSERIAL-FILE 1 5 f")
        #expect(try ends.peer.hear(5) == Array("hello".utf8))
        #expect(try ends.peer.hearLine() == Self.checksum)
    }

    @Test func aGuestThatDoesNotReadIsNotWaitedFor() throws {
        let folder = try ScratchDirectory()
        try write([UInt8](repeating: 0, count: 4 << 20), to: "\(folder.path)/f")
        let ends = try streamEnds()
        let failure = #expect(throws: CommandFailure.self) {
            try FileTransfer(stream: ends.stream, timeoutSeconds: 0.2).send(
                try LocalFile(path: "\(folder.path)/f"), name: "f",
                progress: ProgressLine("f", total: nil, isShown: false))
        }
        #expect(failure?.exitCode == 75)
    }
}
