import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("OwnedFileDescriptor")
struct OwnedFileDescriptorTests {
    @Test func closesWhenItGoesAway() throws {
        var detector = try LeakDetector()
        do {
            let copy = OwnedFileDescriptor(adopting: copy(of: detector.number))
            #expect(inode(of: copy.rawValue) == inode(of: detector.number))
        }
        #expect(try detector.everyCopyIsClosed())
    }

    @Test func releasedStaysOpen() throws {
        var detector = try LeakDetector()
        let number = OwnedFileDescriptor(adopting: copy(of: detector.number)).release()
        #expect(inode(of: number) == inode(of: detector.number))
        #expect(close(number) == 0)
        #expect(try detector.everyCopyIsClosed())
    }

    @Test func duplicateIsAnotherNumberForTheSameFileAndClosedOnExec() throws {
        let file = try OwnedFileDescriptor.memory(named: "test", byteCount: 0)
        let copy = try file.duplicate()
        #expect(copy.rawValue != file.rawValue)
        #expect(inode(of: copy.rawValue) == inode(of: file.rawValue))
        #expect(fcntl(copy.rawValue, F_GETFD) == FD_CLOEXEC)
    }

    @Test func duplicateOfAClosedNumberNamesCallAndReason() throws {
        // The number is closed already, and no descriptor is ever that high.
        let missing = OwnedFileDescriptor(adopting: .max)
        #expect(throws: SystemError(call: "fcntl(F_DUPFD_CLOEXEC)", errno: .badFileDescriptor)) {
            _ = try missing.duplicate()
        }
    }

    @Test func setNonBlockingKeepsTheOtherFlags() throws {
        let file = try OwnedFileDescriptor.memory(named: "test", byteCount: 0)
        let before = fcntl(file.rawValue, F_GETFL)
        #expect(fcntl(file.rawValue, F_SETFL, before | O_APPEND) == 0)
        try file.setNonBlocking()
        #expect(fcntl(file.rawValue, F_GETFL) == before | O_APPEND | O_NONBLOCK)
    }

    @Test func setCloseOnExec() throws {
        let original = try OwnedFileDescriptor.memory(named: "test", byteCount: 0)
        let file = OwnedFileDescriptor(adopting: dup(original.rawValue))
        #expect(fcntl(file.rawValue, F_GETFD) == 0)
        try file.setCloseOnExec()
        #expect(fcntl(file.rawValue, F_GETFD) == FD_CLOEXEC)
    }
}
