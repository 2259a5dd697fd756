import Glibc
import LinuxIO

/// stderr, written so that nobody who does not read it can hold the control thread for ever.
///
/// stderr's open file belongs to others as well (a shell, a supervisor, the VMM), so its flags are not ours to change.
/// A pipe or a terminal is opened once more through /proc for a non-blocking open file of our own; a socket is sent to
/// with MSG_DONTWAIT; a regular file never waits for a reader. Where /proc does not help, poll(2) is asked before each
/// short write.
package struct LogOutput: ~Copyable {
    private enum Way {
        /// write(2) to a descriptor that does not block.
        case write
        /// send(2) with MSG_DONTWAIT.
        case send
        /// write(2) after poll(2) said that there is room.
        case pollAndWrite
    }

    /// What one write did.
    package enum Outcome: Equatable {
        case wrote(Int)
        /// Nobody reads now.
        case wouldBlock
        /// The bytes cannot be written at all: the reader is gone, the disk is full.
        case refused
    }

    /// What is written to, and what to wait for with epoll(7) after ``Outcome/wouldBlock``. Borrowed: never close it.
    package let rawValue: Int32
    /// Our own open file on the same thing, when ``rawValue`` is that; kept to be closed.
    private let reopened: OwnedFileDescriptor?
    private let way: Way
    /// Whether this is the journal's stream socket, which wants `<N>` before a line.
    package let isJournal: Bool

    /// A pipe with room for at least this much is what poll(2) calls writable (PIPE_BUF).
    private static let shortWriteByteCount = 4096

    /// Looks at what `descriptor` is, and opens it once more when that helps.
    ///
    /// - Parameters:
    ///   - descriptor: borrowed; 2 in the daemon.
    ///   - journalStream: the value of the environment's JOURNAL_STREAM, `DEVICE:INODE` of what systemd connected to
    ///     the journal. It is inherited by children whose stderr is something else, so it is compared and not believed
    ///     (systemd.exec(5)).
    package init(descriptor: Int32, journalStream: String?) {
        var status = stat()
        let isOpen = unsafe fstat(descriptor, &status) == 0
        isJournal = isOpen && journalStream == "\(status.st_dev):\(status.st_ino)"
        switch status.st_mode & S_IFMT {
        case S_IFSOCK:
            way = .send
            rawValue = descriptor
            reopened = nil
        case S_IFIFO, S_IFCHR:
            let own = unsafe open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
            way = own >= 0 ? .write : .pollAndWrite
            rawValue = own >= 0 ? own : descriptor
            reopened = own >= 0 ? OwnedFileDescriptor(adopting: own) : nil
        default:
            way = .write
            rawValue = descriptor
            reopened = nil
        }
    }

    /// Writes what goes without waiting.
    package func write(_ bytes: ArraySlice<UInt8>) -> Outcome {
        guard !bytes.isEmpty else { return .wrote(0) }
        let count = unsafe bytes.withUnsafeBytes { buffer in
            // SAFETY: the buffer is valid for `count` bytes during the calls, and none of them keeps it.
            switch way {
            case .write: return unsafe Glibc.write(rawValue, buffer.baseAddress, buffer.count)
            case .send:
                return unsafe Glibc.send(
                    rawValue, buffer.baseAddress, buffer.count,
                    Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            case .pollAndWrite:
                guard hasRoom else { return 0 }
                return unsafe Glibc.write(rawValue, buffer.baseAddress, min(buffer.count, Self.shortWriteByteCount))
            }
        }
        if count > 0 { return .wrote(count) }
        if count == 0 || errno == EAGAIN || errno == EINTR { return .wouldBlock }
        return .refused
    }

    private var hasRoom: Bool {
        var descriptor = pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&descriptor, 1, 0) == 1
    }
}
