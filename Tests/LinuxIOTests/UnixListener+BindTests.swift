import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("UnixListener: bind")
struct UnixListenerBindTests {
    let directory: String
    let path: String
    private let owner: Owner

    /// Keeps the directory until the test is over.
    private final class Owner {
        let directory: TemporaryDirectory
        init() throws { directory = try TemporaryDirectory() }
        var names: [String] { directory.names() }
    }

    init() throws {
        owner = try Owner()
        directory = owner.directory.path
        path = "\(directory)/socket"
    }

    func status(of path: String) -> stat {
        var status = stat()
        #expect(unsafe lstat(path, &status) == 0)
        return status
    }

    /// Leaves a socket file behind, as a program that was killed does.
    func leaveStaleSocket() throws {
        let listener = try UnixListener.bind(to: .path(path), mode: 0o600)
        // Refuses from here on, even while a process that another test is just starting holds a copy.
        #expect(shutdown(listener.rawValue, Int32(SHUT_RDWR)) == 0)
    }

    // MARK: What is there already

    @Test func aStaleSocketIsReplaced() throws {
        try leaveStaleSocket()
        #expect(throws: SystemError(call: "connect", errno: .connectionRefused)) {
            _ = try UnixStream.connect(to: .path(path))
        }
        let listener = try UnixListener.bind(to: .path(path), mode: 0o600)
        _ = try UnixStream.connect(to: .path(path))
        let accepted = try listener.accept() != nil
        #expect(accepted)
        #expect(owner.names == ["socket"], "no lock is left")
    }

    @Test func aSocketSomebodyListensOnIsLeftAlone() throws {
        let live = try UnixListener.bind(to: .path(path), mode: 0o600)
        let inode = status(of: path).st_ino
        #expect(throws: UnixListenerError.addressInUse(path)) {
            _ = try UnixListener.bind(to: .path(path), mode: 0o600)
        }
        #expect(status(of: path).st_ino == inode)
        _ = live.rawValue
    }

    @Test func aSocketWithAFullBacklogIsInUse() throws {
        let live = try UnixListener.bind(to: .path(path), mode: 0o600, backlog: 0)
        let waiting = try UnixStream.connect(to: .path(path))
        #expect(throws: SystemError(call: "connect", errno: .resourceTemporarilyUnavailable)) {
            _ = try UnixStream.connect(to: .path(path))
        }
        #expect(throws: UnixListenerError.addressInUse(path)) {
            _ = try UnixListener.bind(to: .path(path), mode: 0o600)
        }
        _ = (live.rawValue, waiting.rawValue)
    }

    @Test func aDatagramSocketIsInUse() throws {
        let datagram = OwnedFileDescriptor(adopting: socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let bound = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(datagram.rawValue, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        #expect(throws: UnixListenerError.addressInUse(path)) {
            _ = try UnixListener.bind(to: .path(path), mode: 0o600)
        }
        #expect(owner.names == ["socket"])
    }

    @Test func aRegularFileIsNoSocketAndKept() throws {
        close(unsafe open(path, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: UnixListenerError.notASocket(path)) { _ = try UnixListener.bind(to: .path(path), mode: 0o600) }
        #expect(owner.names == ["socket"])
    }

    @Test(arguments: ["stale", "nothing"])
    func aSymbolicLinkIsNotFollowed(target: String) throws {
        let targetPath = "\(directory)/\(target)"
        if target == "stale" { drop(try UnixListener.bind(to: .path(targetPath), mode: 0o600)) }
        #expect(unsafe symlink(targetPath, path) == 0)
        let before = Set(owner.names)
        #expect(throws: UnixListenerError.notASocket(path)) { _ = try UnixListener.bind(to: .path(path), mode: 0o600) }
        #expect(Set(owner.names) == before)
    }

    // MARK: Where it cannot be

    @Test func theDirectoryIsNotMade() {
        let path = "\(directory)/missing/socket"
        #expect(throws: UnixListenerError.directoryMissing(path)) {
            _ = try UnixListener.bind(to: .path(path), mode: 0o600)
        }
    }

    @Test func aFileInPlaceOfTheDirectoryIsNone() throws {
        close(unsafe open(path, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: UnixListenerError.directoryMissing("\(path)/socket")) {
            _ = try UnixListener.bind(to: .path("\(path)/socket"), mode: 0o600)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "takes root to become somebody else in a process of its own"))
    func aDirectoryOfSomebodyElseIsRefused() async {
        await #expect(processExitsWith: .success) {
            let directory = try TemporaryDirectory()
            let path = "\(directory.path)/socket"
            // 65534 is nobody, on Debian and by the kernel's overflow rule.
            try #require(seteuid(65534) == 0)
            #expect(throws: UnixListenerError.permissionDenied(path)) {
                _ = try UnixListener.bind(to: .path(path), mode: 0o600)
            }
            try #require(seteuid(0) == 0)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "takes root to become somebody else in a process of its own"))
    func aGroupOfWhichWeAreNoMemberIsRefusedAndNothingLeft() async {
        await #expect(processExitsWith: .success) {
            let directory = try TemporaryDirectory()
            let path = "\(directory.path)/socket"
            try #require(unsafe chmod(directory.path, 0o777) == 0)
            try #require(setgroups(0, nil) == 0)
            try #require(setegid(65534) == 0)
            try #require(seteuid(65534) == 0)
            #expect(throws: UnixListenerError.groupNotAllowed(path, group: 1)) {
                _ = try UnixListener.bind(to: .path(path), mode: 0o660, group: 1)
            }
            #expect(directory.names() == [])
            try #require(seteuid(0) == 0)
        }
    }

    @Test func thePathMayHaveAsManyBytesAsTheKernelTakes() throws {
        let longest = path + String(repeating: "x", count: UnixAddress.maximumByteCount - path.utf8.count)
        let listener = try UnixListener.bind(to: UnixAddress(longest), mode: 0o600)
        _ = try UnixStream.connect(to: .path(longest))
        let accepted = try listener.accept() != nil
        #expect(accepted)
        let tooLong = longest + "y"
        let error = UnixListenerError.refused(tooLong, SystemError(call: "sockaddr_un", errno: .invalidArgument))
        #expect(throws: error) {
            _ = try UnixListener.bind(to: .path(tooLong), mode: 0o600)
        }
    }

    // MARK: Rights

    @Test(arguments: [0o600, 0o660, 0o666, 0o777] as [UInt16])
    func theModeIsAsAskedWhateverTheUmask(mode: UInt16) throws {
        _ = try UnixListener.bind(to: .path(path), mode: mode)
        #expect(UInt16(status(of: path).st_mode & 0o7777) == mode)
    }

    @Test(.enabled(if: geteuid() == 0, "only root may give a file to any group"))
    func theGroupIsAsAsked() throws {
        _ = try UnixListener.bind(to: .path(path), mode: 0o660, group: 12345)
        #expect(status(of: path).st_gid == 12345)
        #expect(status(of: path).st_mode & 0o7777 == 0o660)
    }

    @Test func theSocketIsClosedOnExecAndNeverWaits() throws {
        let listener = try UnixListener.bind(to: .path(path), mode: 0o600)
        #expect(fcntl(listener.rawValue, F_GETFD) == FD_CLOEXEC)
        #expect(fcntl(listener.rawValue, F_GETFL) & O_NONBLOCK != 0)
    }

    // MARK: Abstract names

    @Test func anAbstractNameHasNoFileAndOneOwner() throws {
        let address = try UnixAddress("@linuxio-tests-\(getpid())-\(UInt64.random(in: 0 ... .max))")
        let listener = try UnixListener.bind(to: address, mode: 0o600)
        _ = try UnixStream.connect(to: address)
        let accepted = try listener.accept() != nil
        #expect(accepted)
        #expect(throws: UnixListenerError.addressInUse(address.description)) {
            _ = try UnixListener.bind(to: address, mode: 0o600)
        }
        #expect(listener.boundFile == nil)
    }

    // MARK: Several at once

    /// Each round leaves a stale socket and lets threads race for it. The loser that took the winner's socket for
    /// stale, in the moment before it listened, would make two winners.
    @Test func ofManyThatRaceForAStalePathOneWins() throws {
        for round in 0..<50 {
            try leaveStaleSocket()
            let results = (0..<4).map { _ in Result<UnixListenerError?>() }
            let winners = (0..<4).map { _ in Result<Int32>() }
            let path = path
            let start = try EventFileDescriptor()
            let startNumber = start.rawValue
            let threads = try (0..<4).map { index in
                JoinOnce(
                    try Thread.spawn(name: "racer") { [result = results[index], winner = winners[index]] in
                        _ = waits(for: POLLIN, on: startNumber)
                        do throws(UnixListenerError) {
                            // Kept open until every thread has tried: a closed one would be stale, and rightly
                            // replaced.
                            let listener = try UnixListener.bind(to: .path(path), mode: 0o600)
                            winner.value = copy(of: listener.rawValue)
                            result.value = .some(nil)
                        } catch {
                            result.value = error
                        }
                    })
            }
            try start.signal()
            for thread in threads { thread.join() }
            drop(start)
            let losses = results.compactMap { $0.value ?? nil }
            #expect(losses == Array(repeating: .addressInUse(path), count: 3), "round \(round)")
            _ = try UnixStream.connect(to: .path(path))
            for winner in winners {
                guard let number = winner.value else { continue }
                shutdown(number, Int32(SHUT_RDWR))
                close(number)
            }
        }
        #expect(owner.names == ["socket"])
    }

    /// The holder of the lock removes its file at the end. Who waited for that file holds something that keeps nobody out.
    @Test func whoGetsALockFileThatWasRemovedWaitsForTheNextOne() throws {
        let lockPath = "\(path).lock"
        func lock() throws -> OwnedFileDescriptor {
            let file = OwnedFileDescriptor(adopting: unsafe open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
            #expect(flock(file.rawValue, LOCK_EX | LOCK_NB) == 0)
            return file
        }
        let first = try lock()
        let result = Result<Bool>()
        let thread = try Thread.spawn(name: "waiter") { [path] in
            result.value = (try? UnixListener.bind(to: .path(path), mode: 0o600)) != nil
        }
        #expect(somebodyWaitsForLock(on: first.rawValue))

        // What the holder does at its end, and a third one right after it.
        #expect(unsafe unlink(lockPath) == 0)
        let second = try lock()
        #expect(flock(first.rawValue, LOCK_UN) == 0)
        #expect(somebodyWaitsForLock(on: second.rawValue))
        #expect(owner.names == ["socket.lock"], "nothing is bound while the lock is held")

        #expect(flock(second.rawValue, LOCK_UN) == 0)
        thread.join()
        #expect(result.value == true)
        drop(first)
        drop(second)
    }

    /// Waits until /proc/locks shows a thread that is blocked on the file, or the socket is there: it did not wait.
    func somebodyWaitsForLock(on descriptor: Int32) -> Bool {
        guard let inode = inode(of: descriptor) else { return false }
        let limit = MonotonicClock.nanoseconds() + 10_000_000_000
        while MonotonicClock.nanoseconds() < limit, !owner.names.contains("socket") {
            guard let locks = unsafe fopen("/proc/locks", "re") else { return false }
            defer { unsafe fclose(locks) }
            var line = [CChar](repeating: 0, count: 512)
            while unsafe fgets(&line, Int32(line.count), locks) != nil {
                let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
                if text.contains("->"), text.contains(":\(inode) ") { return true }
            }
            sched_yield()
        }
        return false
    }

    /// An array cannot hold threads.
    private final class JoinOnce {
        private var thread: Thread?
        init(_ thread: consuming Thread) { self.thread = consume thread }
        func join() { thread.take()?.join() }
    }
}
