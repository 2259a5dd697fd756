import Glibc
import LinuxIO

/// The channel of whoever is at a port's other side: one case for each kind.
enum ClientChannel: PortChannel, ~Copyable {
    /// Nobody is there.
    case none
    case stream(UnixStream)
    case records(RecordChannel)
    case terminal(TerminalChannel)
    case file(FileChannel)
    case null(NullChannel)

    /// Whether one send is one chain, and one receive one record.
    var keepsRecords: Bool {
        switch self {
        case .records: true
        default: false
        }
    }

    var inputDescriptor: Int32? {
        switch self {
        case .none: nil
        case .stream(let channel): channel.inputDescriptor
        case .records(let channel): channel.inputDescriptor
        case .terminal(let channel): channel.inputDescriptor
        case .file(let channel): channel.inputDescriptor
        case .null(let channel): channel.inputDescriptor
        }
    }

    var outputDescriptor: Int32? {
        switch self {
        case .none: nil
        case .stream(let channel): channel.outputDescriptor
        case .records(let channel): channel.outputDescriptor
        case .terminal(let channel): channel.outputDescriptor
        case .file(let channel): channel.outputDescriptor
        case .null(let channel): channel.outputDescriptor
        }
    }

    /// Sends what the pieces hold; to nobody it fails as to somebody who has gone.
    @inline(__always)
    func send(_ pieces: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome {
        switch self {
        case .none: return .reset
        case .stream(let channel): return try unsafe channel.send(pieces)
        case .records(let channel): return try unsafe channel.send(pieces)
        case .terminal(let channel): return try unsafe channel.send(pieces)
        case .file(let channel): return try unsafe channel.send(pieces)
        case .null(let channel): return try unsafe channel.send(pieces)
        }
    }

    @inline(__always)
    func receive(into pieces: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome {
        switch self {
        case .none: return .endOfFile
        case .stream(let channel): return try unsafe channel.receive(into: pieces)
        case .records(let channel): return try unsafe channel.receive(into: pieces)
        case .terminal(let channel): return try unsafe channel.receive(into: pieces)
        case .file(let channel): return try unsafe channel.receive(into: pieces)
        case .null(let channel): return try unsafe channel.receive(into: pieces)
        }
    }

    func unreadByteCount() throws(SystemError) -> Int {
        switch self {
        case .none: return 0
        case .stream(let channel): return try channel.unreadByteCount()
        case .records(let channel): return try channel.unreadByteCount()
        case .terminal(let channel): return try channel.unreadByteCount()
        case .file(let channel): return try channel.unreadByteCount()
        case .null(let channel): return try channel.unreadByteCount()
        }
    }

    func endSending() throws(SystemError) {
        switch self {
        case .none: break
        case .stream(let channel): try channel.endSending()
        case .records(let channel): try channel.endSending()
        case .terminal(let channel): try channel.endSending()
        case .file(let channel): try channel.endSending()
        case .null(let channel): try channel.endSending()
        }
    }
}
