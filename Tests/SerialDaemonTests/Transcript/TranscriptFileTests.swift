import Foundation
import Glibc
import LinuxIO
import SystemPackage
import Testing

@testable import SerialDaemon

@Suite("TranscriptFile")
struct TranscriptFileTests {
    private let directory: TemporaryDirectory
    private let path: String
    private static let smallest = TranscriptSettings.smallestMaximum

    init() throws {
        directory = try TemporaryDirectory()
        path = "\(directory.path)/log"
    }

    private func contents(_ name: String) -> [UInt8] {
        FileManager.default.contents(atPath: "\(directory.path)/\(name)").map(Array.init) ?? []
    }

    private func file(maximum: Int? = nil, old: Int = 1) throws -> TranscriptFile {
        try TranscriptFile(
            path, TranscriptSettings(path: path, maximumByteCount: maximum, oldFileCount: old))
    }

    @Test func itIsForItsOwnerAndKeepsWhatItHolds() throws {
        let first = try file()
        #expect(first.append([1, 2]) == .init())
        #expect(directory.mode(of: "log") == 0o600)
        let second = try file()
        #expect(second.append([3]) == .init())
        #expect(contents("log") == [1, 2, 3])
        try second.clear()
        #expect(second.append([4]) == .init())
        #expect(contents("log") == [4])
    }

    @Test("every byte is in one of the files, in order, and each is full", arguments: [1, 2, 5, 1000])
    func rotation(old: Int) throws {
        let file = try file(maximum: Self.smallest, old: old)
        let total = 4 * Self.smallest + 100
        var written = 0
        for length in [1, Self.smallest - 1, 7, 2 * Self.smallest, total - 3 * Self.smallest - 7] {
            #expect(file.append(pattern(length, from: written)) == .init())
            written += length
        }
        let kept = min(old, 4)
        let names = (1...kept).reversed().map { "log.\($0)" } + ["log"]
        #expect(directory.names == names.sorted())
        expectEqual(names.flatMap(contents), pattern(kept * Self.smallest + 100, from: (4 - kept) * Self.smallest))
        for name in names.dropLast() { #expect(contents(name).count == Self.smallest) }
    }

    @Test func whatItHoldsAtTheStartCounts() throws {
        #expect(try file().append(pattern(Self.smallest)) == .init())
        #expect(try file(maximum: Self.smallest).append([1]) == .init())
        #expect(contents("log") == [1])
        expectEqual(contents("log.1"), pattern(Self.smallest))
    }

    @Test func aFileThatSomebodyHasCutIsNotPutAside() throws {
        let file = try file(maximum: Self.smallest)
        #expect(file.append(pattern(Self.smallest)) == .init())
        #expect(unsafe truncate(path, 0) == 0)
        #expect(file.append([1, 2]) == .init())
        #expect(contents("log") == [1, 2], "no hole")
        #expect(directory.names == ["log"])
    }

    @Test("a file that was moved away or removed is written until it is opened again", arguments: [false, true])
    func reopening(isRemoved: Bool) throws {
        let file = try file()
        #expect(file.append([1]) == .init())
        if isRemoved { unsafe unlink(path) } else { #expect(unsafe rename(path, path + ".old") == 0) }
        #expect(file.append([2]) == .init())
        try file.reopen()
        #expect(file.append([3]) == .init())
        #expect(contents("log") == [3])
        #expect(contents("log.old") == (isRemoved ? [] : [1, 2]))
    }

    @Test func aFileOfSomebodyElseIsNotPutAside() throws {
        let file = try file(maximum: Self.smallest)
        #expect(file.append(pattern(Self.smallest)) == .init())
        #expect(unsafe rename(path, path + ".old") == 0)
        try Data([9]).write(to: URL(filePath: path))
        #expect(file.append([1]) == .init())
        #expect(contents("log") == [9, 1])
        expectEqual(contents("log.old"), pattern(Self.smallest))
        #expect(contents("log.1").isEmpty)
    }

    @Test func aRotationThatFailsIsToldAndTheFileGoesOn() throws {
        // A directory is where the full file is to go.
        #expect(unsafe mkdir(path + ".1", 0o700) == 0)
        defer { unsafe rmdir(path + ".1") }
        let file = try file(maximum: Self.smallest)
        #expect(file.append(pattern(Self.smallest)) == .init())
        let outcome = file.append(pattern(100, from: Self.smallest))
        #expect(outcome.lost == 0 && outcome.failure == nil)
        #expect("\(outcome.rotationFailure.map { "\($0)" } ?? "")".contains("rename: Is a directory"))
        expectEqual(contents("log"), pattern(Self.smallest + 100))
        #expect(directory.names == ["log", "log.1"], "nothing is left behind")
        // Tried again, but not with each piece.
        #expect(file.append([1]) == .init())
        #expect(file.append(pattern(Self.smallest)).rotationFailure != nil)
        unsafe rmdir(path + ".1")
        #expect(file.append(pattern(Self.smallest)) == .init())
        #expect(directory.names == ["log", "log.1"])
        #expect(contents("log").count + contents("log.1").count == 3 * Self.smallest + 101)
    }

    @Test func whatIsNoFileIsRefused() throws {
        #expect(unsafe symlink("\(directory.path)/elsewhere", path) == 0)
        #expect(throws: TranscriptRefusal.notAFile) { _ = try file() }
        #expect(directory.names == ["log"])
        unsafe unlink(path)
        // Nobody reads it: to open it would wait.
        #expect(unsafe mkfifo(path, 0o600) == 0)
        #expect(throws: TranscriptRefusal.notAFile) { _ = try file() }
        unsafe unlink(path)
        #expect(unsafe mkdir(path, 0o700) == 0)
        defer { unsafe rmdir(path) }
        #expect(throws: TranscriptRefusal.notAFile) { _ = try file() }
    }

    @Test func aLinkThatComesLaterIsNotFollowed() throws {
        let file = try file()
        unsafe unlink(path)
        #expect(unsafe symlink("\(directory.path)/elsewhere", path) == 0)
        #expect(throws: TranscriptRefusal.notAFile) { try file.reopen() }
        #expect(file.append([1]) == .init(), "the former file goes on")
        #expect(directory.names == ["log"])
    }

    @Test func whatADiskRefusesIsLostAndNothingElse() throws {
        let file = try file()
        #expect(file.append([1, 2]) == .init())
        let found = descriptor(of: file)
        let number = try #require(found)
        let former = dup(number)
        // A device that is always full.
        let full = unsafe open("/dev/full", O_WRONLY | O_CLOEXEC)
        #expect(dup2(full, number) == number)
        let outcome = file.append(pattern(1000))
        #expect(outcome.lost == 1000)
        #expect(outcome.failure?.errno == .noSpace)
        #expect(dup2(former, number) == number)
        for other in [full, former] { close(other) }
        #expect(file.append([3]) == .init())
        #expect(contents("log") == [1, 2, 3], "whole bytes, no hole")
    }

    private func descriptor(of file: TranscriptFile) -> Int32? {
        (3..<1024).first {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == file.path
        }.map(Int32.init)
    }
}
