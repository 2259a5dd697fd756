import Glibc
import LinuxIO

/// A hostile front-end: messages in any order and of any content, with descriptors of any kind, on a real socket, and
/// the back-end's session and rings at its other end.
///
/// Checked beside that nothing traps: the process has as many descriptors open after the connection as before, and
/// every answer is one that a front-end can read.
final class MessagesTarget: FuzzTarget {
    private let countsDescriptors: Bool
    private let files: FrontendFiles
    private let scratch = ScratchBatch(chainCapacity: 16, pieceCapacity: 16)

    init(countsDescriptors: Bool) throws {
        self.countsDescriptors = countsDescriptors
        // Memory of a front-end may go away.
        MappedMemory.installFaultGuard()
        files = try FrontendFiles()
    }

    func run(_ input: ByteSource) throws(OracleFailure) {
        files.reset()
        let before = countsDescriptors ? OpenDescriptors() : nil
        try converse(input)
        guard let before else { return }
        try expect(OpenDescriptors() == before, "descriptors are left over, or are missing")
    }

    /// All that is made here ends here.
    private func converse(_ input: ByteSource) throws(OracleFailure) {
        var source = input
        var frontend: HostileFrontend
        var backend: SessionBackend
        do {
            let sockets = try UnixStream.pair()
            // Answers that nobody reads soon fill it.
            try sockets.second.setSendBuffer(byteCount: 0)
            frontend = HostileFrontend(sockets.first, files)
            backend = SessionBackend(sockets.second, scratch)
        } catch {
            throw OracleFailure("the fuzzer has no sockets: \(error)")
        }
        while !source.isAtEnd {
            try frontend.act(&source)
            if source.choose(8) != 0 {
                guard backend.serve(&source) else { return }
            }
            try frontend.readAnswers()
        }
    }
}

/// Which of the first descriptor numbers are open.
struct OpenDescriptors: Equatable {
    /// Compared as memory and not one by one: the fuzzer counts each comparison, and this was half of its time.
    private let entries: [pollfd]
    private static let all = (0..<Int32(1024)).map { pollfd(fd: $0, events: 0, revents: 0) }

    /// - Parameter lowest: what is below is not looked at.
    init(from lowest: Int32 = 0) {
        var entries = Array(Self.all[Int(lowest)...])
        // The kernel marks the numbers that are none; what it says of the others is of no interest.
        let count = unsafe poll(&entries, nfds_t(entries.count), 0)
        precondition(count >= 0, "this process may not have 1024 descriptors")
        for index in entries.indices { entries[index].revents &= Int16(POLLNVAL) }
        self.entries = entries
    }

    static func == (left: OpenDescriptors, right: OpenDescriptors) -> Bool {
        unsafe left.entries.withUnsafeBytes { left in
            unsafe right.entries.withUnsafeBytes { right in
                guard let first = left.baseAddress, let second = right.baseAddress else { return false }
                // SAFETY: both have as many bytes as `all`.
                return unsafe memcmp(first, second, left.count) == 0
            }
        }
    }
}
