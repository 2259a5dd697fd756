import Glibc
import LinuxIO
import SystemPackage

/// A connection to a port for conversations: every wait has an end, and nothing that the guest sends is kept without a
/// bound.
final class TimedStream {
    private let stream: UnixStream
    private var unread: [UInt8] = []
    /// What of `unread` was taken already.
    private var start = 0

    private static let readByteCount = 65536

    init(_ stream: consuming UnixStream) {
        self.stream = stream
    }

    /// Sends all of it.
    func send(_ bytes: [UInt8], until deadline: Deadline) throws(CommandFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let outcome: IOOutcome
            do throws(SystemError) {
                // SAFETY: the span keeps the bytes alive during the call.
                outcome = try unsafe stream.send(rest.span.bytes)
            } catch {
                throw .system(error)
            }
            switch outcome {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock: try wait(for: POLLOUT, until: deadline, "the guest does not read")
            case .endOfFile, .reset: throw Self.ended
            }
        }
    }

    /// Takes at least one byte and at most so many.
    func receive(atMost limit: Int, until deadline: Deadline) throws(CommandFailure) -> [UInt8] {
        if start == unread.count { try fill(until: deadline) }
        let end = min(unread.count, start + limit)
        defer { take(upTo: end) }
        return Array(unread[start..<end])
    }

    /// Takes a line, without its end. One of more than `maximum` bytes is the guest's fault.
    func line(atMost maximum: Int, until deadline: Deadline) throws(CommandFailure) -> [UInt8] {
        var searched = start
        while true {
            if let end = unread[searched...].firstIndex(of: UInt8(ascii: "\n")), end - start <= maximum {
                defer { take(upTo: end + 1) }
                return Array(unread[start..<end])
            }
            guard unread.count - start <= maximum else { throw .guestFailed("the guest sends a line without end") }
            // Bytes in front may go meanwhile.
            let distance = unread.count - start
            try fill(until: deadline)
            searched = start + distance
        }
    }

    /// Leaves out everything up to a byte, and that too. What has come is not kept, so there is no bound to it but time.
    func skip(behind byte: UInt8, until deadline: Deadline) throws(CommandFailure) {
        while true {
            if let index = unread[start...].firstIndex(of: byte) { return take(upTo: index + 1) }
            take(upTo: unread.count)
            try fill(until: deadline)
        }
    }

    /// Tells the guest that no more comes.
    func endSending() throws(CommandFailure) {
        do throws(SystemError) {
            try stream.shutdownSend()
        } catch  where error.errno == .socketNotConnected {
            // The peer was faster.
        } catch {
            throw .system(error)
        }
    }

    // MARK: Bytes

    private static let ended = CommandFailure.incomplete("the port's connection has ended")

    private func take(upTo end: Int) {
        start = end
        guard start == unread.count || start > 4 * Self.readByteCount else { return }
        unread.removeFirst(start)
        start = 0
    }

    private func fill(until deadline: Deadline) throws(CommandFailure) {
        while true {
            // A guest that sends without end has no more time than one that is silent.
            guard !deadline.hasPassed else { throw .timedOut("the guest does not answer in time") }
            let outcome: IOOutcome
            do throws(SystemError) {
                outcome = try stream.receive(appendingTo: &unread, atMost: Self.readByteCount)
            } catch {
                throw .system(error)
            }
            switch outcome {
            case .bytes: return
            case .wouldBlock: try wait(for: POLLIN, until: deadline, "the guest does not answer in time")
            case .endOfFile, .reset: throw Self.ended
            }
        }
    }

    private func wait(for event: Int32, until deadline: Deadline, _ complaint: String) throws(CommandFailure) {
        guard try Readiness.wait(for: stream.rawValue, event, until: deadline) else { throw .timedOut(complaint) }
    }
}
