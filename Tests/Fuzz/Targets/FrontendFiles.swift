import CLinux
import Glibc
import LinuxIO

/// What a front-end attaches to its messages: memory, event counters, and everything that is neither. Made once.
final class FrontendFiles {
    /// How many bytes each file of memory has.
    static let memoryByteCounts: [UInt64] = [0x1_0000, 0x1000, 0x800]

    /// The numbers of all of them: those of memory first, then those of event counters, then the others.
    private(set) var numbers: [Int32] = []

    /// `O_PATH`, which only shows with `_GNU_SOURCE`.
    private static let pathOnly: Int32 = 0o10000000

    private let memory: [SharedFile]
    /// Connected to each other.
    private let sockets: [SharedFile]
    private var others: [SharedFile] = []
    private var isDirty = false

    init() throws {
        memory = try Self.memoryByteCounts.map {
            SharedFile(try OwnedFileDescriptor.memory(named: "fuzz", byteCount: $0))
        }
        let pair = try UnixStream.pair()
        sockets = [SharedFile(pair.first.takeDescriptor()), SharedFile(pair.second.takeDescriptor())]
        numbers = memory.map { $0.descriptor.rawValue }
        own(eventfd(0, Int32(EFD_CLOEXEC)))
        own(eventfd(0, Int32(EFD_CLOEXEC)))
        // Full, and one that counts down.
        own(eventfd(UInt32.max, Int32(EFD_CLOEXEC)))
        own(eventfd(1, Int32(EFD_CLOEXEC) | Int32(EFD_SEMAPHORE)))
        own(epoll_create1(Int32(EPOLL_CLOEXEC)))
        own(timerfd_create(CLOCK_MONOTONIC, Int32(TFD_CLOEXEC)))
        own(unsafe open("/dev/null", O_RDWR | O_CLOEXEC))
        own(unsafe open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        own(unsafe open("/", Self.pathOnly | O_CLOEXEC))
        numbers += sockets.map { $0.descriptor.rawValue }
        own(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        own(Self.makeListener())
        // A pipe without a reader: who writes to it gets a signal.
        var ends: [Int32] = [-1, -1]
        _ = unsafe pipe(&ends)
        _ = close(ends[0])
        own(ends[1])
    }

    private static func makeListener() -> Int32 {
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        _ = unsafe withUnsafePointer(to: &address) { pointer in
            // SAFETY: with no more than the family it gets a name of the kernel's choice.
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(listener, $0, 2) }
        }
        _ = listen(listener, 1)
        return listener
    }

    private func own(_ number: Int32) {
        others.append(SharedFile(OwnedFileDescriptor(adopting: number)))
        numbers.append(number)
    }

    /// Makes memory and sockets as they were in the beginning.
    func reset() {
        var discarded: (UInt64, UInt64) = (0, 0)
        for socket in sockets {
            while unsafe recv(socket.descriptor.rawValue, &discarded, 16, Int32(MSG_DONTWAIT)) > 0 {}
        }
        guard isDirty else { return }
        isDirty = false
        for (file, byteCount) in zip(memory, Self.memoryByteCounts) {
            // Cut to nothing, a file loses what it had.
            try? file.descriptor.resize(toByteCount: 0)
            try? file.descriptor.resize(toByteCount: byteCount)
        }
    }

    /// Cuts a file under whoever has mapped it.
    func cut(_ index: Int, toByteCount byteCount: UInt64) {
        isDirty = true
        try? memory[index].descriptor.resize(toByteCount: byteCount)
    }

    /// Writes into the first file of memory, as the guest does.
    func write(_ bytes: [UInt8], at offset: Int) {
        isDirty = true
        // SAFETY: the array's own bytes. pwrite(2) makes a file that was cut longer again, as a guest may not; so be it.
        _ = unsafe bytes.withUnsafeBytes {
            unsafe pwrite(memory[0].descriptor.rawValue, $0.baseAddress, $0.count, off_t(offset))
        }
    }
}

/// A descriptor in an array.
private final class SharedFile {
    let descriptor: OwnedFileDescriptor

    init(_ descriptor: consuming OwnedFileDescriptor) {
        self.descriptor = descriptor
    }
}
