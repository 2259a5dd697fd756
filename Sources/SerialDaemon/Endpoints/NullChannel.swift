import Glibc
import LinuxIO

/// Takes everything and gives nothing, as `/dev/null` does; the bytes are not even looked at.
struct NullChannel: PortChannel, ~Copyable {
    var inputDescriptor: Int32? { nil }
    var outputDescriptor: Int32? { nil }

    func send(_ pieces: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome {
        .bytes(unsafe pieces.reduce(0) { unsafe $0 + $1.iov_len })
    }

    func receive(into pieces: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome { .wouldBlock }
    func unreadByteCount() throws(SystemError) -> Int { 0 }
    func endSending() throws(SystemError) {}
}
