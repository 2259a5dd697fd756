import ControlProtocol
import LinuxIO
import Logging
import Sandbox

/// What each command does: an answer at once, or a question to the device thread and what to make of its answer.
///
/// ## Concurrency
/// On the control thread.
final class ControlCommands {
    /// What comes of a command.
    enum Outcome {
        case answer(any Codable & Sendable)
        /// What is entered in the books with the device's answer is entered whether or not somebody waits for it.
        case ask(DeviceOperation, (DeviceAnswer) throws(ControlFailure) -> any Codable & Sendable)
        /// The device is to let go of it, and whoever knows the connections ends it.
        case stopCapture(Capture)
    }

    let context: ControlContext
    let catalogue: PortCatalogue
    let captures: Captures
    let transcripts: Transcripts
    /// Whether somebody has asked for the daemon's end.
    private(set) var wantsShutdown = false

    init(context: ControlContext, catalogue: PortCatalogue, captures: Captures, transcripts: Transcripts) {
        self.context = context
        self.catalogue = catalogue
        self.captures = captures
        self.transcripts = transcripts
    }

    /// Executes a command of somebody who may give it.
    ///
    /// - Parameters:
    ///   - command: which one.
    ///   - arguments: all must be known to it.
    ///   - connection: the number of the one that it came by.
    /// - Returns: the answer, or what the device thread is to be asked.
    /// - Throws: ``ControlFailure``: nothing was done.
    func execute(
        _ command: ControlCommand, _ arguments: CommandArguments, connection: UInt32
    ) throws(ControlFailure) -> Outcome {
        var arguments = arguments
        switch command {
        case .negotiate:
            // What a client enables: nothing can be.
            if try arguments.strings("enable")?.isEmpty == false {
                throw ControlFailure(.generic, "there is no capability to be enabled")
            }
            try arguments.finish()
            return .answer(ControlNothing())
        case .queryVersion: return try answer(DaemonVersion.control, arguments)
        case .queryCommands:
            return try answer(ControlCommand.allCases.map { CommandName(name: $0.rawValue) }, arguments)
        case .queryStatus:
            return try ask(arguments) { [context, captures] in
                context.status($0, captures: captures.running.map(\.status))
            }
        case .queryPorts: return try ask(arguments) { $0.ports.map(\.status) }
        case .queryMetrics: return try ask(arguments) { MetricsText(text: PrometheusText.encode($0)) }
        case .portAdd: return try addPort(&arguments)
        case .portRemove: return try removePort(&arguments)
        case .portSet: return try setPort(&arguments)
        case .clientDisconnect:
            let port = try namedPort(&arguments)
            try arguments.finish()
            return done(.disconnectClient(port: port.number))
        case .logLevel:
            let text = try arguments.requiredString("level")
            try arguments.finish()
            guard let level = Logger.Level(rawValue: text) else {
                let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
                throw ControlFailure(.generic, "Parameter 'level' must be one of \(levels)")
            }
            context.threshold.level = level
            return .answer(ControlNothing())
        case .captureStart: return try startCapture(&arguments, connection: connection)
        case .captureStop: return try stopCapture(&arguments)
        case .shutdown:
            try arguments.finish()
            wantsShutdown = true
            return .answer(ControlNothing())
        }
    }

    private func answer(
        _ content: any Codable & Sendable, _ arguments: CommandArguments
    ) throws(ControlFailure) -> Outcome {
        try arguments.finish()
        return .answer(content)
    }

    // MARK: Looking

    private func ask(
        _ arguments: CommandArguments, _ show: @escaping (DeviceSnapshot) -> any Codable & Sendable
    ) throws(ControlFailure) -> Outcome {
        try arguments.finish()
        return .ask(.takeSnapshot) { (answer) throws(ControlFailure) in
            guard case .snapshot(let snapshot) = answer else { throw Self.failure(of: answer) }
            return show(snapshot)
        }
    }

    // MARK: Changing ports

    private func addPort(_ arguments: inout CommandArguments) throws(ControlFailure) -> Outcome {
        let options = try portOptions(&arguments, allowed: Set(PortKey.allCases).subtracting([.name]))
        if options.path?.utf8.first == UInt8(ascii: "@"), context.sandbox?.confinement == .namespace {
            throw ControlFailure(
                .generic, "an abstract socket that is made now would be in the sandbox's own network: give a path")
        }
        let port: PortConfiguration
        let binding: PortBinding
        do throws(ConfigurationError) {
            port = try catalogue.proposal(options)
        } catch {
            throw ControlFailure(.generic, "\(error)")
        }
        do throws(UnixListenerError) {
            binding = try catalogue.open(port)
        } catch {
            throw ControlFailure(.generic, Self.reason(error))
        }
        let (catalogue, transcripts) = (catalogue, transcripts)
        let tap: TranscriptTap?
        do throws(TranscriptRefusal) {
            tap = try transcripts.add(port)
        } catch {
            catalogue.remove(named: port.name)
            throw ControlFailure(.generic, "cannot write \(port.transcript?.path.escaped ?? ""): \(error)")
        }
        let addition = PortAddition(port, binding: binding, transcript: tap)
        return .ask(.addPort(addition)) { (answer) throws(ControlFailure) in
            guard case .done = answer else {
                catalogue.remove(named: port.name)
                transcripts.remove(named: port.name)
                throw Self.failure(of: answer)
            }
            return AddedPort(id: port.name, number: port.number, path: port.endpoint.description)
        }
    }

    /// What is different from within the sandbox.
    private static func reason(_ error: UnixListenerError) -> String {
        switch error {
        case .addressInUse(let path): "\(path.escaped) is there already: remove it, when nobody listens there"
        case .directoryMissing(let path): "\(path.escaped) is not where the daemon's other sockets are"
        case .groupNotAllowed(let path, let group):
            "\(path.escaped): the daemon may not give it to group \(group) any more: chgrp and chmod g+s its directory"
        default: error.description.escaped
        }
    }

    private func removePort(_ arguments: inout CommandArguments) throws(ControlFailure) -> Outcome {
        let port = try namedPort(&arguments)
        try arguments.finish()
        let (catalogue, transcripts) = (catalogue, transcripts)
        return .ask(.removePort(port.number)) { (answer) throws(ControlFailure) in
            guard case .done = answer else { throw Self.failure(of: answer) }
            catalogue.remove(named: port.name)
            transcripts.remove(named: port.name)
            return ControlNothing()
        }
    }

    private func setPort(_ arguments: inout CommandArguments) throws(ControlFailure) -> Outcome {
        let port = try namedPort(&arguments)
        let options = try portOptions(
            &arguments, named: port.name, allowed: PortConfiguration.changeableKeys)
        let changed: PortConfiguration
        do throws(ConfigurationError) {
            changed = try port.changed(by: options)
        } catch {
            throw ControlFailure(.generic, "\(error)")
        }
        // Now and not with the answer: somebody else's change that comes meanwhile is made from what this one leaves. The
        // device makes them in their order, and does not only when the port has gone before.
        catalogue.replace(changed)
        return done(.changePort(changed))
    }

    // MARK: Captures

    private func startCapture(
        _ arguments: inout CommandArguments, connection: UInt32
    ) throws(ControlFailure) -> Outcome {
        let capture = try captures.start(&arguments, ports: catalogue.ports, connection: connection)
        let captures = captures
        return .ask(.startCapture(capture.tap)) { (answer) throws(ControlFailure) in
            guard case .done = answer else {
                captures.end(capture)
                throw Self.failure(of: answer)
            }
            capture.hasBegun = true
            return StartedCapture(capture: capture.tap.number)
        }
    }

    private func stopCapture(_ arguments: inout CommandArguments) throws(ControlFailure) -> Outcome {
        let number = try arguments.requiredInteger("capture", in: 0...Int.max)
        try arguments.finish()
        guard let capture = captures.capture(number) else {
            throw Self.noCapture(number)
        }
        return .stopCapture(capture)
    }

    static func noCapture(_ number: Int) -> ControlFailure {
        ControlFailure(.generic, "there is no capture \(number)")
    }

    private func namedPort(_ arguments: inout CommandArguments) throws(ControlFailure) -> PortConfiguration {
        let name = try arguments.requiredString("id")
        guard let port = catalogue.port(named: name) else {
            throw ControlFailure(.generic, "there is no port '\(name.escaped)'")
        }
        return port
    }

    private func portOptions(
        _ arguments: inout CommandArguments, named known: String? = nil, allowed: Set<PortKey>
    ) throws(ControlFailure) -> PortOptions {
        let name: String
        if let known {
            name = known
        } else {
            name = try arguments.requiredString("id")
        }
        let entries = try arguments.portKeys()
        for entry in entries {
            guard let key = PortKey(rawValue: entry.key), allowed.contains(key) else {
                throw ControlFailure(.generic, "Parameter '\(entry.key.escaped)' is unexpected")
            }
        }
        do throws(ConfigurationError) {
            return try PortOptions(name: name, entries, accounts: .numbersOnly)
        } catch {
            throw ControlFailure(.generic, "\(error)")
        }
    }

    // MARK: Answers of the device

    private func done(_ operation: DeviceOperation) -> Outcome {
        .ask(operation) { (answer) throws(ControlFailure) in
            guard case .done = answer else { throw Self.failure(of: answer) }
            return ControlNothing()
        }
    }

    static func failure(of answer: DeviceAnswer) -> ControlFailure {
        guard case .refused(let reason) = answer else {
            return ControlFailure(.generic, "the device gave another answer than was asked for")
        }
        return ControlFailure(.generic, reason)
    }
}
