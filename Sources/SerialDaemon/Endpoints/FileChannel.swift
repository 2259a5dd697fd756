import Glibc
import LinuxIO

/// Files that are read and written: a regular one, two FIFOs, the process's own standard streams.
///
/// One who writes to a FIFO has no name, and one who leaves it is not seen: such an endpoint counts as connected from
/// the start to the end, as with QEMU.
struct FileChannel: PortChannel, ~Copyable {
    private let input: OpenFile?
    private let output: OpenFile

    /// - Parameters:
    ///   - input: what the guest reads; nil when nothing ever comes.
    ///   - output: what the guest writes to.
    init(input: consuming OpenFile?, output: consuming OpenFile) {
        self.input = consume input
        self.output = output
    }

    var inputDescriptor: Int32? {
        switch input {
        case .none: nil
        case .some(let file): file.rawValue
        }
    }

    var outputDescriptor: Int32? { output.rawValue }

    func send(_ pieces: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome {
        try unsafe output.write(pieces)
    }

    func receive(into pieces: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome {
        switch input {
        case .none: return .wouldBlock
        case .some(let file): return try unsafe file.read(into: pieces)
        }
    }

    func unreadByteCount() throws(SystemError) -> Int {
        switch input {
        case .none: return 0
        case .some(let file): return try file.unreadByteCount()
        }
    }

    func endSending() throws(SystemError) {}
}

/// The master's side of a terminal, for as long as somebody has the other side open.
struct TerminalChannel: PortChannel, ~Copyable {
    private let master: OpenFile

    init(_ master: consuming OpenFile) {
        self.master = master
    }

    var inputDescriptor: Int32? { master.rawValue }
    var outputDescriptor: Int32? { master.rawValue }

    func send(_ pieces: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome { try unsafe master.write(pieces) }

    func receive(into pieces: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome {
        try unsafe master.read(into: pieces)
    }

    func unreadByteCount() throws(SystemError) -> Int { try master.unreadByteCount() }
    func endSending() throws(SystemError) {}

    /// Throws away what can be read now: at most what a terminal holds.
    func discardUnread() {
        var scratch = [UInt8](repeating: 0, count: 4096)
        for _ in 0..<16 {
            let outcome = unsafe scratch.withUnsafeMutableBytes { bytes in
                // SAFETY: the piece is good for the call.
                let pieces: [1 of iovec] = unsafe [iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)]
                return unsafe pieces.span.withUnsafeBufferPointer { unsafe try? receive(into: $0) }
            }
            guard case .bytes? = outcome else { return }
        }
    }
}
