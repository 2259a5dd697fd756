import Glibc
import LinuxIO
import SystemPackage

/// A terminal, a pipe or a file: one that poll(2) says is ready takes or gives a piece without waiting.
final class FileEnd: ByteSource, ByteSink {
    private let file: OwnedFileDescriptor
    /// What a pipe that poll(2) calls writable has room for (`PIPE_BUF`), should it be a blocking one.
    private static let pieceByteCount = 4096

    init(_ file: consuming OwnedFileDescriptor) {
        self.file = file
    }

    var descriptor: Int32 { file.rawValue }

    func read(appendingTo bytes: inout [UInt8], atMost limit: Int) throws(CommandFailure) -> IOOutcome {
        var piece = [UInt8](repeating: 0, count: limit)
        // SAFETY: read(2) writes at most as many bytes as the array has.
        let count = unsafe Glibc.read(file.rawValue, &piece, limit)
        if count > 0 {
            bytes += piece[..<count]
            return .bytes(count)
        }
        if count == 0 { return .endOfFile }
        switch Errno(rawValue: errno) {
        case .wouldBlock, .interrupted: return .wouldBlock
        // The terminal was closed.
        case .ioError: return .endOfFile
        case let error: throw .system(SystemError(call: "read", errno: error))
        }
    }

    func write(_ bytes: ArraySlice<UInt8>) throws(CommandFailure) -> IOOutcome {
        // SAFETY: the buffer is valid during the call.
        let count = unsafe bytes.prefix(Self.pieceByteCount).withUnsafeBytes { buffer in
            unsafe Glibc.write(file.rawValue, buffer.baseAddress, buffer.count)
        }
        if count >= 0 { return .bytes(count) }
        switch Errno(rawValue: errno) {
        case .wouldBlock, .interrupted: return .wouldBlock
        case .brokenPipe, .ioError: return .reset
        case let error: throw .system(SystemError(call: "write", errno: error))
        }
    }

    /// Nothing: its reader sees the end when this process ends.
    func end() {}
}
