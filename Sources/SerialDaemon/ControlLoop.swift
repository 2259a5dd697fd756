import Glibc
package import LinuxIO
package import Logging
import VirtioConsole

/// The main thread: signals, the log's way to stderr, the control socket, and the device thread's end.
///
/// The guest's bytes never pass here, and what an operator can stall (stderr, signals) never reaches the device thread.
package struct ControlLoop: ~Copyable {
    /// How long the device thread may take to end after SIGTERM. The vhost-user convention is a fast end, ours is 100
    /// ms: what is left is for the log's last lines and the socket files.
    package static let shutdownNanoseconds: UInt64 = 80_000_000
    /// How long ``flushLog(withinNanoseconds:)`` may take at the very end.
    package static let finalFlushNanoseconds: UInt64 = 10_000_000

    /// The signals that ``SignalFileDescriptor`` is to be opened with.
    package static let signals = [SIGTERM, SIGINT, SIGHUP]

    private enum Source: UInt8 {
        case signal, log, output, device, server, metrics, connectors, transcripts
        var token: EventToken { EventToken(kind: rawValue, index: 0, generation: 0) }
    }

    private let epoll: Epoll
    private var events = Epoll.EventBuffer(capacity: 7)
    private let signals: SignalFileDescriptor
    private let mailbox: DeviceMailbox
    private let log: Logger
    private var writer: LogWriter
    private var server: ControlServer?
    private var metrics: MetricsFile?
    private var connectors: PortConnectors?
    private var transcripts: Transcripts?
    private var waitsForOutput = false
    /// When to stop waiting for the device thread, in monotonic nanoseconds; `nil` before the first signal.
    private var deadline: UInt64?
    private var exitCode: ExitCode?

    /// Puts everything that the loop waits for in one epoll set.
    ///
    /// - Parameters:
    ///   - signals: opened for ``signals`` on this thread before any other thread was started; takes ownership.
    ///   - mailbox: the device thread's.
    ///   - writer: flushed here from now on; takes ownership.
    ///   - log: for what the loop itself has to say.
    /// - Throws: the host's error, out of descriptors or memory.
    package init(
        signals: consuming SignalFileDescriptor, mailbox: DeviceMailbox, writer: consuming LogWriter, log: Logger
    ) throws(SystemError) {
        let epoll = try Epoll()
        try epoll.add(signals.rawValue, interest: .readable, token: Source.signal.token)
        try epoll.add(writer.queueDescriptor, interest: .readable, token: Source.log.token)
        try epoll.add(mailbox.reportDescriptor, interest: .readable, token: Source.device.token)
        self.epoll = epoll
        self.signals = signals
        self.mailbox = mailbox
        self.writer = writer
        self.log = log
    }

    /// Serves an operator's programs from now on.
    mutating func serve(_ server: ControlServer) throws(SystemError) {
        try epoll.add(server.descriptor, interest: .readable, token: Source.server.token)
        self.server = server
    }

    /// Keeps a file with the metrics from now on.
    mutating func write(_ metrics: MetricsFile) throws(SystemError) {
        try epoll.add(metrics.descriptor, interest: .readable, token: Source.metrics.token)
        self.metrics = metrics
    }

    /// Connects ports to sockets of others from now on.
    mutating func connect(_ connectors: PortConnectors) throws(SystemError) {
        try epoll.add(connectors.descriptor, interest: .readable, token: Source.connectors.token)
        self.connectors = connectors
    }

    /// Writes the ports' transcripts from now on, to the last byte.
    mutating func write(_ transcripts: Transcripts) throws(SystemError) {
        try epoll.add(transcripts.descriptor, interest: .readable, token: Source.transcripts.token)
        self.transcripts = transcripts
    }

    /// Runs until the device thread has ended, or was given up.
    package mutating func run() throws(SystemError) -> ExitCode {
        while true {
            try flushLog()
            if let exitCode {
                transcripts?.write()
                server?.endCaptures()
                return exitCode
            }
            try epoll.wait(into: &events, timeoutMilliseconds: remainingMilliseconds())
            for index in 0..<events.count {
                switch Source(rawValue: events[index].token.kind) {
                case .signal: try receiveSignals()
                case .device: try receiveReports()
                case .server: try serveOperators()
                case .metrics: try askForMetrics()
                case .connectors: try connectors?.connectDue()
                case .transcripts: transcripts?.write()
                case .log, .output, nil: break  // flushed at the top of each turn
                }
            }
            giveUpWhenOverdue()
        }
    }

    /// Writes the last lines, waiting at most this long for a reader that is slow.
    package mutating func flushLog(withinNanoseconds limit: UInt64) {
        let end = MonotonicClock.nanoseconds() + limit
        while !writer.flush(), MonotonicClock.nanoseconds() < end {
            var descriptor = pollfd(fd: writer.outputDescriptor, events: Int16(POLLOUT), revents: 0)
            _ = unsafe poll(&descriptor, 1, 1)
        }
    }

    // MARK: Log

    /// Writes what goes; while stderr takes nothing, waits for it instead of for new lines, which would wake the loop
    /// for ever.
    private mutating func flushLog() throws(SystemError) {
        let isStalled = !writer.flush()
        guard isStalled != waitsForOutput else { return }
        if isStalled {
            try epoll.modify(writer.queueDescriptor, interest: [], token: Source.log.token)
            try epoll.add(writer.outputDescriptor, interest: .writable, token: Source.output.token)
        } else {
            try epoll.remove(writer.outputDescriptor)
            try epoll.modify(writer.queueDescriptor, interest: .readable, token: Source.log.token)
        }
        waitsForOutput = isStalled
    }

    // MARK: The end

    private mutating func receiveSignals() throws(SystemError) {
        while let signal = try signals.read() {
            switch signal {
            case SIGHUP: reopen()
            default: requestEnd()
            }
        }
    }

    /// What logrotate and its kind send when they have moved a file away.
    private func reopen() {
        guard let transcripts, !transcripts.isEmpty else { return log.debug("SIGHUP: there is nothing to open again") }
        transcripts.reopen()
        log.debug("SIGHUP: the transcripts' files are opened again")
    }

    /// The first SIGTERM or SIGINT asks the device thread; somebody who sends a second one does not want to wait.
    private mutating func requestEnd() {
        guard deadline == nil else {
            exitCode = .success
            return
        }
        deadline = MonotonicClock.nanoseconds() + Self.shutdownNanoseconds
        server?.tellShutdown()
        mailbox.send(.shutdown)
    }

    private mutating func serveOperators() throws(SystemError) {
        guard let server else { return }
        try server.serve()
        if server.wantsShutdown, deadline == nil {
            log.notice("an operator ends the daemon")
            requestEnd()
        }
    }

    /// The control server's tickets are counted from 1.
    private static let metricsTicket = UInt64.max

    private func askForMetrics() throws(SystemError) {
        try metrics?.rearm()
        mailbox.send(.perform(.takeSnapshot, ticket: Self.metricsTicket))
    }

    private func writeMetrics(_ reports: DeviceReports) {
        guard let metrics else { return }
        for (ticket, answer) in reports.answers where ticket == Self.metricsTicket {
            guard case .snapshot(let snapshot) = answer else { continue }
            if let news = metrics.write(PrometheusText.encode(snapshot)) { log.warning("\(news)") }
        }
    }

    private mutating func receiveReports() throws(SystemError) {
        let reports = mailbox.takeReports()
        server?.deliver(reports)
        writeMetrics(reports)
        if !reports.wantedConnections.isEmpty { try connectors?.want(reports.wantedConnections) }
        switch reports.result {
        case .ended: exitCode = .success
        case .failed(let error):
            log.critical("the device cannot be served any longer: \(error)")
            exitCode = .osError
        case nil: break
        }
    }

    private mutating func giveUpWhenOverdue() {
        guard exitCode == nil, let deadline, MonotonicClock.nanoseconds() >= deadline else { return }
        log.warning("the device thread did not end in time; exiting without it")
        exitCode = .success
    }

    /// Rounded up: a wait that ends a moment too early would spin through that moment.
    private func remainingMilliseconds() -> Int32 {
        guard let deadline else { return -1 }
        let now = MonotonicClock.nanoseconds()
        return now >= deadline ? 0 : Int32((deadline - now) / 1_000_000) + 1
    }
}
