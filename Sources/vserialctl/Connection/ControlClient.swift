import ClientProtocols
import ControlProtocol
import Glibc
import LinuxIO
import SystemPackage

/// A connection to a daemon's control socket: one command at a time, and the events that come meanwhile.
final class ControlClient {
    private let stream: UnixStream
    private var unread = UnreadBytes()
    private var events: [ControlEvent] = []
    /// What ends every wait for the daemon, with ``CommandFailure/interrupted(signal:)``.
    var endingSignals: EndingSignals?
    /// How long a command may stay without an answer.
    private let patienceMilliseconds: Int32

    /// A daemon answers within milliseconds, on a busy machine within a second; one that is traced or stopped, never.
    static let usualPatienceMilliseconds: Int32 = 10_000
    /// An answer's line is not longer: a metrics text of 127 ports takes some 200 KiB.
    private static let maximumLineByteCount = 8 << 20
    private static let readByteCount = 65536

    /// Connects, reads the greeting and leaves negotiation behind.
    ///
    /// - Parameters:
    ///   - path: where the daemon listens.
    ///   - patienceMilliseconds: how long a command may stay without an answer, and the greeting.
    /// - Throws: ``CommandFailure/unreachable(_:_:)``, or that of the first answer.
    init(path: String, patienceMilliseconds: Int32 = usualPatienceMilliseconds) throws(CommandFailure) {
        self.patienceMilliseconds = patienceMilliseconds
        stream = try Self.connect(path: path)
        let line = try awaitedLine(until: patience)
        // A daemon that has no room for one more says so in the greeting's place.
        if let refusal = try? ControlCoding.decode(ControlAnswer<ControlNothing>.self, from: line).error {
            throw .refused(refusal)
        }
        _ = try decode(ControlGreeting.self, from: line)
        _ = try call(.negotiate, returning: ControlNothing.self)
    }

    private static func connect(path: String) throws(CommandFailure) -> UnixStream {
        let address: UnixAddress
        do {
            address = try UnixAddress(path)
        } catch {
            throw .usage("--control: \(error)")
        }
        do {
            return try UnixStream.connect(to: address)
        } catch {
            throw .unreachable(path, error)
        }
    }

    /// The connection, for poll(2). Borrowed.
    var descriptor: Int32 { stream.rawValue }

    /// Sends a command and waits for its answer; events that come before it are kept for ``nextEvent(timeoutMilliseconds:)``.
    func call<Content: Codable & Sendable>(
        _ command: ControlCommand, _ arguments: [String: JSONValue] = [:], returning: Content.Type
    ) throws(CommandFailure) -> Content {
        let deadline = patience
        try send(
            ControlRequest(execute: command.rawValue, arguments: arguments.isEmpty ? nil : arguments), until: deadline)
        while true {
            let line = try awaitedLine(until: deadline)
            if let event = try? ControlCoding.decode(ControlEvent.self, from: line) {
                events.append(event)
                continue
            }
            let answer = try decode(ControlAnswer<Content>.self, from: line)
            if let failure = answer.error { throw .refused(failure) }
            guard let content = answer.return else { throw .notUnderstood("neither a return nor an error") }
            return content
        }
    }

    /// The next event.
    ///
    /// - Parameter timeoutMilliseconds: how long to wait for it; nil is for ever.
    /// - Returns: nil when the time is over.
    /// - Throws: ``CommandFailure/disconnected``.
    func nextEvent(timeoutMilliseconds: Int32?) throws(CommandFailure) -> ControlEvent? {
        if !events.isEmpty { return events.removeFirst() }
        guard let line = try line(timeoutMilliseconds: timeoutMilliseconds) else { return nil }
        return try decode(ControlEvent.self, from: line)
    }

    /// Reads events and forgets them until the time is over: the daemon closes a connection that does not read.
    func ignoreEvents(until deadline: Deadline) throws(CommandFailure) {
        repeat {
            while try nextEvent(timeoutMilliseconds: deadline.remainingMilliseconds) != nil {}
        } while !deadline.hasPassed
    }

    // MARK: Lines

    private static let noAnswer = CommandFailure.timedOut("the daemon does not answer")

    /// Of what is asked now.
    private var patience: Deadline { Deadline(seconds: Double(patienceMilliseconds) / 1000) }

    private func send(_ request: ControlRequest, until deadline: Deadline) throws(CommandFailure) {
        var bytes: [UInt8]
        do {
            bytes = try ControlCoding.encode(request) + [UInt8(ascii: "\n")]
        } catch {
            throw .usage("this cannot be said in JSON: \(error)")
        }
        while !bytes.isEmpty {
            switch try CommandFailure.host({ () throws(SystemError) in try unsafe stream.send(bytes.span.bytes) }) {
            case .bytes(let count): bytes.removeFirst(count)
            case .wouldBlock where deadline.hasPassed: throw Self.noAnswer
            case .wouldBlock: _ = try wait(for: POLLOUT, timeoutMilliseconds: deadline.remainingMilliseconds)
            case .endOfFile, .reset: throw .disconnected
            }
        }
    }

    /// A line that the daemon owes.
    private func awaitedLine(until deadline: Deadline) throws(CommandFailure) -> [UInt8] {
        repeat {
            if let line = try line(timeoutMilliseconds: deadline.remainingMilliseconds) { return line }
        } while !deadline.hasPassed
        throw Self.noAnswer
    }

    /// One line without its end; nil when the time is over.
    private func line(timeoutMilliseconds: Int32?) throws(CommandFailure) -> [UInt8]? {
        while true {
            do throws(UnreadBytes.EndlessLine) {
                if let line = try unread.takeLine(atMost: Self.maximumLineByteCount) { return line }
            } catch {
                throw .notUnderstood("a line without end")
            }
            guard try receive(timeoutMilliseconds: timeoutMilliseconds) else { return nil }
        }
    }

    private func receive(timeoutMilliseconds: Int32?) throws(CommandFailure) -> Bool {
        let outcome = try CommandFailure.host { () throws(SystemError) in
            try unread.append { bytes throws(SystemError) in
                try stream.receive(appendingTo: &bytes, atMost: Self.readByteCount)
            }
        }
        switch outcome {
        case .bytes: break
        case .wouldBlock: return try wait(for: POLLIN, timeoutMilliseconds: timeoutMilliseconds)
        case .endOfFile, .reset: throw .disconnected
        }
        return true
    }

    /// Whether the socket became ready in time. A signal (the window's size has changed) counts as time over when there
    /// is a limit.
    private func wait(for event: Int32, timeoutMilliseconds: Int32?) throws(CommandFailure) -> Bool {
        var entries = [
            pollfd(fd: stream.rawValue, events: Int16(event), revents: 0),
            pollfd(fd: endingSignals?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            let count = unsafe poll(&entries, nfds_t(entries.count), timeoutMilliseconds ?? -1)
            if count > 0, entries[1].revents != 0 { try endingSignals?.check() }
            if count >= 0 { return count > 0 }
            guard errno == EINTR else { throw .system(SystemError(call: "poll", errno: Errno(rawValue: errno))) }
            if timeoutMilliseconds != nil { return false }
        }
    }

    private func decode<Value: Decodable>(_ type: Value.Type, from line: [UInt8]) throws(CommandFailure) -> Value {
        do {
            return try ControlCoding.decode(type, from: line)
        } catch {
            throw .notUnderstood(PrintableText.escaping(Array(line.prefix(200))))
        }
    }
}
