import LinuxIO
import SystemPackage

/// A connected socket: both directions, of which either can end by itself.
final class SocketEnd: ByteSource, ByteSink {
    private let stream: UnixStream

    init(_ stream: consuming UnixStream) {
        self.stream = stream
    }

    var descriptor: Int32 { stream.rawValue }

    func read(appendingTo bytes: inout [UInt8], atMost limit: Int) throws(CommandFailure) -> IOOutcome {
        do throws(SystemError) {
            return try stream.receive(appendingTo: &bytes, atMost: limit)
        } catch {
            throw .system(error)
        }
    }

    func write(_ bytes: ArraySlice<UInt8>) throws(CommandFailure) -> IOOutcome {
        do throws(SystemError) {
            // SAFETY: the span keeps the bytes alive during the call.
            return try unsafe stream.send(bytes.span.bytes)
        } catch {
            throw .system(error)
        }
    }

    func end() throws(CommandFailure) {
        do throws(SystemError) {
            try stream.shutdownSend()
        } catch  where error.errno == .socketNotConnected {
            // The peer was faster.
        } catch {
            throw .system(error)
        }
    }
}
