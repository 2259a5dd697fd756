import LinuxIO
import Logging
import Sandbox

/// The transcripts of all ports that have one.
///
/// Made in two steps: what can only be known outside of the sandbox first, the files from within. So they belong to the
/// user whom the process has become, and what can be opened at the start can be opened again later.
///
/// ## Concurrency
/// On the control thread.
final class Transcripts {
    private let signal: TranscriptSignal
    private let log: Logger
    /// What is within reach, absolute and without symbolic links.
    private let directories: [String]
    /// Of the start, until they are opened.
    private var planned: [(port: PortConfiguration, path: String, tap: TranscriptTap)] = []
    private var running: [String: Transcript] = [:]

    /// Looks at where the files are to be; opens none.
    ///
    /// - Throws: ``StartError``: a directory is missing.
    init(_ configuration: DaemonConfiguration, log: Logger) throws(StartError) {
        do throws(SystemError) {
            signal = try TranscriptSignal()
        } catch {
            throw .system(error)
        }
        self.log = log
        directories = configuration.sandbox.directories.map(CanonicalPath.resolve)
        for port in configuration.ports {
            guard let settings = port.transcript else { continue }
            let directory = CanonicalPath.resolve(OperatorSettings.directory(of: settings.path))
            guard FileStatus.isDirectory(directory) else {
                throw .transcript(port: port.name, path: settings.path, .directoryMissing(directory))
            }
            planned.append((port, Self.path(settings.path, in: directory), TranscriptTap(signal: signal)))
        }
    }

    /// What the device thread writes to, by port number.
    var taps: [Int: TranscriptTap] {
        Dictionary(uniqueKeysWithValues: planned.map { ($0.port.number, $0.tap) })
    }

    /// Readable when something waits. Borrowed.
    var descriptor: Int32 { signal.descriptor }

    var isEmpty: Bool { running.isEmpty }

    // MARK: Coming and going

    /// Opens the files of the start, and empties those that are to begin anew once all are open.
    ///
    /// - Throws: ``StartError``; then no file has lost anything.
    func open() throws(StartError) {
        for (port, path, tap) in planned {
            do throws(TranscriptRefusal) {
                try open(port, path, tap)
            } catch {
                throw .transcript(port: port.name, path: path, error)
            }
        }
        for (port, path, _) in planned {
            do throws(TranscriptRefusal) {
                try begin(port)
            } catch {
                throw .transcript(port: port.name, path: path, error)
            }
        }
        planned = []
    }

    /// Begins the transcript of a port that is added at run time.
    ///
    /// - Returns: what the device thread writes to; nil when the port has none.
    func add(_ port: PortConfiguration) throws(TranscriptRefusal) -> TranscriptTap? {
        guard let settings = port.transcript else { return nil }
        let directory = CanonicalPath.resolve(OperatorSettings.directory(of: settings.path))
        guard directories.contains(where: { directory == $0 || directory.hasPrefix($0 + "/") }) else {
            throw .directoryUnknown(directory)
        }
        let tap = TranscriptTap(signal: signal)
        try open(port, Self.path(settings.path, in: directory), tap)
        do throws(TranscriptRefusal) {
            try begin(port)
        } catch {
            running[port.name] = nil
            throw error
        }
        return tap
    }

    /// Writes what waits of a port that has gone, and lets its file go.
    func remove(named name: String) {
        running.removeValue(forKey: name)?.write()
    }

    private func open(
        _ port: PortConfiguration, _ path: String, _ tap: TranscriptTap
    ) throws(TranscriptRefusal) {
        guard let settings = port.transcript else { return }
        let file = try TranscriptFile(path, settings)
        for (name, other) in running where other.file.collides(with: file) { throw .takenBy(port: name) }
        var log = log
        log[metadataKey: "port"] = "\(port.name)"
        running[port.name] = Transcript(tap, file, log: log)
    }

    private func begin(_ port: PortConfiguration) throws(TranscriptRefusal) {
        guard port.transcript?.appends == false else { return }
        try running[port.name]?.file.clear()
    }

    private static func path(_ path: String, in directory: String) -> String {
        "\(directory == "/" ? "" : directory)/\(OperatorSettings.fileName(of: path))"
    }

    // MARK: Writing

    /// Writes what waits of each.
    func write() {
        signal.lower()
        for transcript in running.values { transcript.write() }
    }

    /// Opens each file anew, after what waits has gone to the former one.
    func reopen() {
        write()
        for transcript in running.values { transcript.reopen() }
    }
}
