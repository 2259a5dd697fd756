import Foundation
import Glibc
import LinuxIO
import SystemPackage
import Testing

@testable import SerialDaemon

@Suite("CaptureFile")
struct CaptureFileTests {
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = "\(directory.path)/a"
    }

    /// Each has room for three packets of ours.
    private func file(_ count: Int = 1, maximumByteCount: Int = 4096) throws -> CaptureFile {
        try CaptureFile(
            CaptureFileNames(path: path, count: count), header: CaptureFormat.sectionHeader(program: "test"),
            maximumByteCount: maximumByteCount)
    }

    private func packets(_ numbers: Range<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        for number in numbers {
            unsafe CaptureFormat.appendPacket(
                to: &bytes, interface: 0, time: .now(), direction: .toHost, header: [], byteCount: 1000, keptCount: 1000
            ) { target in
                // SAFETY: as long as the closure runs.
                unsafe target.initializeMemory(as: UInt8.self, repeating: number)
            }
        }
        return bytes
    }

    private var packetByteCount: Int { packets(0..<1).count }

    private func contents(_ name: String) -> [UInt8] {
        FileManager.default.contents(atPath: "\(directory.path)/\(name)").map(Array.init) ?? []
    }

    /// Which packets are in a file, by the byte that they are made of. They follow the header.
    private func numbers(_ name: String) -> [UInt8] {
        let header = CaptureFormat.sectionHeader(program: "test").count
        return stride(from: header + 28, to: contents(name).count, by: packetByteCount).map { contents(name)[$0] }
    }

    private func outcome(_ packets: Int, lost: Int = 0, _ end: CaptureFile.End? = nil) -> CaptureFile.Outcome {
        .init(packetCount: packets, byteCount: packets * packetByteCount, lostCount: lost, end: end)
    }

    @Test func whatComesAtOnceGoesToAsManyFilesAsItTakes() throws {
        let file = try file(3)
        #expect(file.append(packets(0..<2)) == outcome(2))
        #expect(file.append(packets(2..<11)) == outcome(9))
        #expect(file.append([]) == outcome(0))
        #expect(directory.names == ["a", "a.1", "a.2"])
        #expect(numbers("a.2") == [3, 4, 5])
        #expect(numbers("a.1") == [6, 7, 8])
        #expect(numbers("a") == [9, 10])
    }

    @Test func aFullFileTakesItsEndAndNothingElse() throws {
        let file = try file()
        #expect(file.append(packets(0..<5)) == outcome(3, lost: 2, .full))
        #expect(file.append(packets(5..<6)) == outcome(0, lost: 1, .full))
        let full = contents("a")
        let end = CaptureFormat.statistics(interface: 0, time: .now(), packets: 3, lost: 3)
        try file.finish(end)
        #expect(contents("a") == full + end)
        #expect(contents("a").count <= 4096)
    }

    @Test("a packet that no file has room for ends it", arguments: [1, 3])
    func tooLarge(count: Int) throws {
        let file = try file(count, maximumByteCount: 1000)
        #expect(file.append(packets(0..<2)) == outcome(0, lost: 2, .full))
        #expect(directory.names == ["a"])
    }

    @Test func theOldestOfItsOwnIsReplacedAndNothingElse() throws {
        let file = try file(3)
        #expect(file.append(packets(0..<4)) == outcome(4))
        try directory.write([9], to: "a.2")
        #expect(file.append(packets(4..<6)) == outcome(2))
        #expect(file.append(packets(6..<9)) == outcome(0, lost: 3, .nameTaken("a.2")))
        #expect(contents("a.2") == [9])
        #expect(numbers("a.1") == [0, 1, 2])
        #expect(numbers("a") == [3, 4, 5])
        unsafe unlink("\(directory.path)/a.2")
        #expect(file.append(packets(9..<10)).packetCount == 0, "what follows a gap would look complete")
    }

    @Test func aFileThatWasTakenAwayIsNotMissed() throws {
        let file = try file(3)
        #expect(file.append(packets(0..<7)) == outcome(7))
        unsafe unlink("\(directory.path)/a.1")
        #expect(file.append(packets(7..<10)) == outcome(3))
        #expect(numbers("a.2") == [0, 1, 2])
        #expect(numbers("a.1") == [6, 7, 8])
        #expect(numbers("a") == [9])
    }

    @Test("what a full disk has cut is taken back to the last whole packet")
    func fullDisk() throws {
        let file = try file(maximumByteCount: 1 << 20)
        let header = contents("a")
        let found = descriptor()
        let number = try #require(found)
        let former = dup(number)
        defer { close(former) }
        // A file that takes what there is room for and refuses the rest, as a disk does. F_ADD_SEALS and F_SEAL_GROW,
        // which Glibc's module leaves out.
        let disk = try OwnedFileDescriptor.memory(named: "disk", byteCount: 65_536)
        try #require(fcntl(disk.rawValue, 1033, 4) == 0)
        try disk.write(header)
        #expect(dup2(disk.rawValue, number) == number)
        let fitting = (65_536 - header.count) / packetByteCount
        let refusal = CaptureFile.End.failed(SystemError(call: "write", errno: .notPermitted))
        #expect(file.append(packets(0..<100)) == outcome(fitting, lost: 100 - fitting, refusal))
        #expect(try FileStatus(of: disk).byteCount == header.count + fitting * packetByteCount)
        // There is room again, and what follows the gap would look complete.
        #expect(dup2(former, number) == number)
        #expect(file.append(packets(0..<1)) == outcome(0, lost: 1, refusal))
        #expect(contents("a") == header)
    }

    private func descriptor() -> Int32? {
        (3..<1024).first {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path
        }.map(Int32.init)
    }
}
