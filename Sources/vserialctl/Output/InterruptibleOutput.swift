import Glibc
import LinuxIO

/// Standard output for who has something to do when a signal comes, also while nobody reads.
struct InterruptibleOutput {
    private let sink: any ByteSink
    private let signals: EndingSignals

    /// - Throws: the host's error.
    init(_ signals: EndingSignals) throws(CommandFailure) {
        sink = try StandardStream.output()
        self.signals = signals
    }

    /// Writes all of a text.
    ///
    /// - Throws: ``CommandFailure/interrupted(signal:)`` when a signal came first, ``CommandFailure/outputClosed`` when
    ///   nobody reads any more.
    func write(_ text: String) throws(CommandFailure) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            var entries = [
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: sink.descriptor, events: Int16(POLLOUT), revents: 0),
            ]
            try Readiness.wait(for: &entries, until: nil)
            if entries[0].revents != 0 { try signals.check() }
            guard entries[1].revents != 0 else { continue }
            switch try sink.write(rest) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock: break
            case .endOfFile, .reset: throw .outputClosed
            }
        }
    }
}
