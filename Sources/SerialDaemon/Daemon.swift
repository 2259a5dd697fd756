import BasicContainers
import Glibc
import LinuxIO
import Logging
import Sandbox
import Synchronization

/// The daemon, from a checked configuration to its exit code.
package enum Daemon {
    /// Runs until a signal, the end of an inherited connection, or a failure.
    ///
    /// Call it on the main thread, before any other thread exists: the signals that it blocks are blocked for the
    /// threads it starts.
    ///
    /// - Returns: the process's exit code, one of ``ExitCode``. What went wrong has been written to stderr by then.
    package static func run(_ configuration: DaemonConfiguration) -> Int32 {
        openMissingStandardDescriptors()
        // A client that is gone is EPIPE from a call and never the end of the process.
        signal(SIGPIPE, SIG_IGN)
        // So is a file that must not grow (RLIMIT_FSIZE): EFBIG.
        signal(SIGXFSZ, SIG_IGN)
        do {
            let signals = try SignalFileDescriptor(ControlLoop.signals)
            let logQueue = try LogQueue()
            let threshold = LogThreshold(configuration.logLevel)
            let log = DaemonLogHandler.logger(queue: logQueue, threshold: threshold)
            let output = LogOutput(descriptor: STDERR_FILENO, journalStream: environment("JOURNAL_STREAM"))
            let mailbox = try DeviceMailbox(reportsEvents: configuration.controlAddress != nil)
            var control = try ControlLoop(
                signals: signals, mailbox: mailbox, writer: LogWriter(queue: logQueue, output: output), log: log)

            let exitCode = serve(configuration, control: &control, mailbox: mailbox, threshold: threshold, log: log)
            control.flushLog(withinNanoseconds: ControlLoop.finalFlushNanoseconds)
            return exitCode.rawValue
        } catch {
            // The log needs what was just refused; this line is all there is.
            let line = LogLine(level: .critical, text: StartError.system(error).description)
            _ = LogOutput(descriptor: STDERR_FILENO, journalStream: nil).write(line.bytes(isJournal: false)[...])
            return ExitCode.osError.rawValue
        }
    }

    /// The start order: sockets, limits, the sandbox, the device thread, and then the control loop until the end.
    private static func serve(
        _ configuration: DaemonConfiguration, control: inout ControlLoop, mailbox: DeviceMailbox,
        threshold: LogThreshold, log: Logger
    ) -> ExitCode {
        do throws(StartError) {
            // Guest memory can go away under us (a truncated memfd): that breaks rings, and not the process.
            MappedMemory.installFaultGuard()
            var sockets = try StartSockets(configuration, environment: environment)
            let files = sockets.files
            let catalogue = PortCatalogue(configuration, files: sockets.portFiles)
            defer {
                for file in files { file.removeIfUnchanged() }
                catalogue.removeFiles()
            }
            raiseDescriptorLimit(portCount: configuration.maxPorts, log: log)
            let context = ControlContext(configuration, threshold: threshold)
            let transcripts = try Transcripts(configuration, log: log)
            if let listener = sockets.control.take() {
                // Files made at run time have the mode that they are made with, and each is said: /proc, by which a
                // right that was taken away could be given back, is out of reach then.
                umask(0)
                let commands = ControlCommands(
                    context: context, catalogue: catalogue,
                    captures: Captures(directory: configuration.captureDirectory.map(CanonicalPath.resolve)),
                    transcripts: transcripts)
                try serveOperators(listener, commands, control: &control, mailbox: mailbox, log: log)
            }
            if configuration.sandbox.duties.connects {
                try connectPorts(catalogue, control: &control, mailbox: mailbox, log: log)
            }
            let metrics = try configuration.metricsPath.map { (path) throws(StartError) in
                try keepMetrics(path, control: &control)
            }
            defer { metrics?.remove() }
            let terminal = configuration.sandbox.duties.contains(.terminal) ? try StandardTerminal.take() : nil
            defer { terminal?.giveBack() }
            let loop = try makeDeviceLoop(
                configuration, sockets: sockets, transcripts: transcripts.taps, mailbox: mailbox, log: log)
            let sandbox = try shutIn(configuration.sandbox, log: log)
            try transcripts.open()
            try write(transcripts, control: &control)
            try startDeviceThread(loop, filterAction: configuration.sandbox.filterAction, mailbox: mailbox)
            context.sandbox = try verify(sandbox, mailbox: mailbox, log: log)
            logStart(configuration, log: log)
            do {
                return try control.run()
            } catch {
                throw .system(error)
            }
        } catch {
            log.critical("\(error)")
            return error.exitCode
        }
    }

    /// From here on nothing can be opened but what is in the sockets' directories.
    private static func shutIn(_ options: SandboxOptions, log: Logger) throws(StartError) -> Sandbox {
        do throws(SandboxError) {
            let sandbox = try Sandbox.enter(options)
            if let reason = sandbox.fallbackReason {
                log.notice("sandbox: \(sandbox.confinement.rawValue), because of \(reason)")
            }
            return sandbox
        } catch {
            throw .sandbox(error)
        }
    }

    /// Waits for the device thread's own filter, adds the main thread's, looks at both as the kernel sees them, and only
    /// then lets the device thread serve.
    private static func verify(
        _ sandbox: consuming Sandbox, mailbox: DeviceMailbox, log: Logger
    ) throws(StartError) -> VerifiedSandbox {
        do throws(SandboxError) {
            if let failure = mailbox.awaitConfinement() { throw failure }
            try Sandbox.confine(
                .control, duties: sandbox.duties, action: sandbox.filterAction)
            let verified = try sandbox.verify()
            log.info("\(verified)")
            mailbox.permitServing()
            return verified
        } catch {
            throw .sandbox(error)
        }
    }

    private static func keepMetrics(
        _ path: String, control: inout ControlLoop
    ) throws(StartError) -> MetricsFile {
        // The directory must be there now; the file need not.
        let directory = OperatorSettings.directory(of: path)
        let name = OperatorSettings.fileName(of: path)
        do throws(SystemError) {
            let metrics = try MetricsFile(path: CanonicalPath.resolve(directory) + "/" + name)
            try control.write(metrics)
            return metrics
        } catch {
            throw .system(error)
        }
    }

    private static func write(_ transcripts: Transcripts, control: inout ControlLoop) throws(StartError) {
        do throws(SystemError) {
            try control.write(transcripts)
        } catch {
            throw .system(error)
        }
    }

    private static func serveOperators(
        _ listener: consuming UnixListener, _ commands: ControlCommands, control: inout ControlLoop,
        mailbox: DeviceMailbox, log: Logger
    ) throws(StartError) {
        do throws(SystemError) {
            try control.serve(ControlServer(listener: listener, commands: commands, mailbox: mailbox, log: log))
        } catch {
            throw .system(error)
        }
    }

    private static func connectPorts(
        _ catalogue: PortCatalogue, control: inout ControlLoop, mailbox: DeviceMailbox, log: Logger
    ) throws(StartError) {
        do throws(SystemError) {
            try control.connect(PortConnectors(catalogue: catalogue, mailbox: mailbox, log: log))
        } catch {
            throw .system(error)
        }
    }

    private static func makeDeviceLoop(
        _ configuration: DaemonConfiguration, sockets: consuming StartSockets, transcripts: [Int: TranscriptTap],
        mailbox: DeviceMailbox, log: Logger
    ) throws(StartError) -> sending DeviceLoop {
        do throws(SystemError) {
            return try DeviceLoop.make(
                configuration: configuration, frontend: sockets.frontend, bindings: sockets.ports,
                transcripts: transcripts, mailbox: mailbox, log: log)
        } catch {
            throw .system(error)
        }
    }

    /// The seam to the device: everything that the guest, its front-end and the clients can reach belongs to this
    /// thread from here on.
    private static func startDeviceThread(
        _ loop: consuming sending DeviceLoop, filterAction: FilterAction, mailbox: DeviceMailbox
    ) throws(StartError) {
        do throws(SystemError) {
            // A closure can hold a noncopyable value and cannot consume it; taking it out of the optional can.
            let handOver = Mutex<DeviceLoop?>(loop)
            _ = try Thread.spawn(name: "device") {
                guard let loop = handOver.withLock({ $0.take() }) else { return }
                do throws(SandboxError) {
                    try Sandbox.confine(.device, action: filterAction)
                    mailbox.reportConfinement(nil)
                    mailbox.awaitPermission()
                } catch {
                    return mailbox.reportConfinement(error)
                }
                do throws(SystemError) {
                    try loop.run()
                    mailbox.finish(.ended)
                } catch {
                    mailbox.finish(.failed(error))
                }
            }
        } catch {
            throw .system(error)
        }
    }

    private static func raiseDescriptorLimit(portCount: Int, log: Logger) {
        let needed = DescriptorLimit.needed(portCount: portCount)
        let limit = DescriptorLimit.raise(to: needed)
        guard limit < needed else { return }
        log.warning(
            "this process may open \(limit) descriptors and may need \(needed): raise the hard limit (LimitNOFILE=)")
    }

    private static func logStart(_ configuration: DaemonConfiguration, log: Logger) {
        for port in configuration.ports {
            let kind = port.isConsole ? "console" : "number"
            log.info("\(kind) \(port.number), \(port.endpoint.news)", metadata: ["port": "\(port.name)"])
        }
        switch configuration.frontend {
        case .listen(let address): log.info("waiting for a front-end at \(address)")
        case .inherited(let descriptor): log.info("serving the front-end of descriptor \(descriptor)")
        }
        if let address = configuration.controlAddress { log.info("operators at \(address)") }
    }

    /// The vhost-user convention promises descriptors 0 to 2. Were one missing, the next socket would get its number,
    /// and a log line or a crash report would go to a guest.
    private static func openMissingStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
            // The lowest free number, which is the missing one. Left open for the life of the process.
            _ = unsafe open("/dev/null", O_RDWR)
        }
    }

    private static func environment(_ name: String) -> String? {
        // SAFETY: the only thread, and nobody calls setenv(3): the string stays where it is while it is copied.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
