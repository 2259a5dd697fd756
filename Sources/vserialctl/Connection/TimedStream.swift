import ClientProtocols
import Glibc
import LinuxIO
import SystemPackage

/// A connection to a port for conversations: every wait has an end, and nothing that the guest sends is kept without a
/// bound.
final class TimedStream {
    private let stream: UnixStream
    private let endingSignals: EndingSignals?
    private var unread = UnreadBytes()

    private static let readByteCount = 65536

    /// - Parameters:
    ///   - stream: to the port.
    ///   - endingSignals: what ends every wait, with ``CommandFailure/interrupted(signal:)``; nil for whoever leaves
    ///     nothing behind when a signal ends the process.
    init(_ stream: consuming UnixStream, endingSignals: EndingSignals? = nil) {
        self.stream = stream
        self.endingSignals = endingSignals
    }

    /// Sends all of it.
    func send(_ bytes: [UInt8], until deadline: Deadline) throws(CommandFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            try wait(for: POLLOUT, until: deadline, "the guest does not read")
            let outcome: IOOutcome
            do throws(SystemError) {
                // SAFETY: the span keeps the bytes alive during the call.
                outcome = try unsafe stream.send(rest.span.bytes)
            } catch {
                throw .system(error)
            }
            switch outcome {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock: break
            case .endOfFile, .reset: throw Self.ended
            }
        }
    }

    /// Reads until `body` finds what it looks for in what has come; it gives nil as long as there is too little.
    func read<Value>(
        until deadline: Deadline, _ body: (inout UnreadBytes) throws(GuestError) -> Value?
    ) throws(CommandFailure) -> Value {
        while true {
            let value = try CommandFailure.guest { () throws(GuestError) in try body(&unread) }
            if let value { return value }
            try fill(until: deadline)
        }
    }

    /// Takes a line, without its end. One of more than `maximum` bytes is the guest's fault.
    func line(atMost maximum: Int, until deadline: Deadline) throws(CommandFailure) -> [UInt8] {
        try read(until: deadline) { unread throws(GuestError) in try unread.takeGuestLine(atMost: maximum) }
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

    private func fill(until deadline: Deadline) throws(CommandFailure) {
        while true {
            // A guest that sends without end has no more time than one that is silent.
            let complaint = "the guest does not answer in time"
            guard !deadline.hasPassed else { throw .timedOut(complaint) }
            try wait(for: POLLIN, until: deadline, complaint)
            let outcome: IOOutcome
            do throws(SystemError) {
                outcome = try unread.append { bytes throws(SystemError) in
                    try stream.receive(appendingTo: &bytes, atMost: Self.readByteCount)
                }
            } catch {
                throw .system(error)
            }
            switch outcome {
            case .bytes: return
            case .wouldBlock: break
            case .endOfFile, .reset: throw Self.ended
            }
        }
    }

    /// Waits before each piece, also when there is one already: no signal must wait for a guest that sends without end.
    private func wait(for event: Int32, until deadline: Deadline, _ complaint: String) throws(CommandFailure) {
        var entries = [
            pollfd(fd: stream.rawValue, events: Int16(event), revents: 0),
            pollfd(fd: endingSignals?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        repeat {
            try Readiness.wait(for: &entries, until: deadline)
            if entries[1].revents != 0 { try endingSignals?.check() }
            if entries[0].revents != 0 { return }
        } while !deadline.hasPassed
        throw .timedOut(complaint)
    }
}
