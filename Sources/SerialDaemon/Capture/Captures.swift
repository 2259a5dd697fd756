import ControlProtocol
import LinuxIO
import VirtioConsole

/// The captures that run: what an operator starts and stops.
///
/// ## Concurrency
/// On the control thread.
final class Captures {
    /// The most at once: each costs a copy of every byte of its ports.
    static let maximumCount = 4
    /// What may wait of a stream: as much as one event can carry.
    private static let streamCapacity = 256 << 10
    private static let snapLengths = 0...(256 << 10)
    private static let fileSizes = (4 << 10)...(1 << 40)
    private static let defaultFileSize = 100 << 20
    private static let fileCounts = 1...1000

    private let directory: String?
    private(set) var running: [Capture] = []
    private var lastNumber = 0

    /// - Parameter directory: where files may be made; nil is nowhere.
    init(directory: String?) {
        self.directory = directory
    }

    func capture(_ number: Int) -> Capture? {
        running.first { $0.tap.number == number }
    }

    // MARK: Starting

    /// Makes a capture of what the arguments of `capture-start` say. It counts as one that runs from here on: the device
    /// thread is still to be given the tap.
    ///
    /// - Parameters:
    ///   - arguments: the command's.
    ///   - ports: all there are.
    ///   - connection: who asks; a stream goes there.
    /// - Returns: one that nobody writes to yet.
    /// - Throws: ``ControlFailure``: nothing was made.
    func start(
        _ arguments: inout CommandArguments, ports: [PortConfiguration], connection: UInt32
    ) throws(ControlFailure) -> Capture {
        let names = try arguments.strings("ports")
        let snapLength = try arguments.integer("snaplen", in: Self.snapLengths) ?? 65535
        let hasFrontend = try arguments.bool("frontend") ?? false
        let isStream = try arguments.bool("stream") ?? false
        let file = try arguments.string("file")
        let maximumByteCount = try arguments.byteCount("max-size", in: Self.fileSizes)
        let fileCount = try arguments.integer("files", in: Self.fileCounts)
        try arguments.finish()
        guard isStream != (file != nil) else {
            throw ControlFailure(.generic, "one of 'file' and 'stream' is needed")
        }
        guard !isStream || (maximumByteCount == nil && fileCount == nil) else {
            throw ControlFailure(.generic, "'max-size' and 'files' are for a file")
        }
        guard running.count < Self.maximumCount else {
            throw ControlFailure(.generic, "\(running.count) captures run already: stop one of them")
        }
        let chosen = try Self.choose(names, of: ports)
        let fileByteCount = isStream ? .max : maximumByteCount ?? Self.defaultFileSize
        let tap = try makeTap(
            chosen, hasFrontend: hasFrontend, snapLength: snapLength, fileByteCount: fileByteCount,
            capacity: isStream ? Self.streamCapacity : CaptureTap.fileCapacity)
        let portNames = chosen.map(\.name)
        var destination = Capture.Destination.stream(connection)
        if let file {
            let opened = try open(file, tap, maximumByteCount: fileByteCount, fileCount: fileCount ?? 1)
            destination = .file(opened, name: file)
        }
        let capture = Capture(tap, portNames: portNames, to: destination)
        running.append(capture)
        return capture
    }

    private static func choose(
        _ names: [String]?, of ports: [PortConfiguration]
    ) throws(ControlFailure) -> [PortConfiguration] {
        guard let names else { return ports }
        guard Set(names).count == names.count else { throw ControlFailure(.generic, "a port stands twice in 'ports'") }
        var chosen: [PortConfiguration] = []
        for name in names {
            guard let port = ports.first(where: { $0.name == name }) else {
                throw ControlFailure(.generic, "there is no port '\(name.escaped)'")
            }
            chosen.append(port)
        }
        return chosen
    }

    private func makeTap(
        _ ports: [PortConfiguration], hasFrontend: Bool, snapLength: Int, fileByteCount: Int,
        capacity: Int
    ) throws(ControlFailure) -> CaptureTap {
        do throws(SystemError) {
            let event = try EventFileDescriptor()
            lastNumber += 1
            return CaptureTap(
                number: lastNumber, ports: ports.map { (number: $0.number, name: $0.name) }, hasFrontend: hasFrontend,
                snapLength: snapLength, fileByteCount: fileByteCount, capacity: capacity, event: event)
        } catch {
            throw ControlFailure(.generic, "the host refuses what a capture needs: \(error)")
        }
    }

    private func open(
        _ name: String, _ tap: CaptureTap, maximumByteCount: Int, fileCount: Int
    ) throws(ControlFailure) -> CaptureFile {
        guard let directory else {
            throw ControlFailure(.generic, "the daemon was started without --capture-dir: nowhere to make a file")
        }
        // What can be a port's socket can be a file.
        if let problem = PortName.problem(with: name) {
            throw ControlFailure(.generic, "'file' '\(name.escaped)' \(problem)")
        }
        guard maximumByteCount >= tap.smallestFileByteCount else {
            throw ControlFailure(
                .generic,
                "'max-size' must be \(tap.smallestFileByteCount) or more: each file begins with the ports' names")
        }
        let names = CaptureFileNames(path: "\(directory)/\(name)", count: fileCount)
        for other in running {
            guard let shared = other.fileNames?.firstShared(with: names) else { continue }
            let file = OperatorSettings.fileName(of: shared)
            throw ControlFailure(.generic, "\(file.escaped) is for capture \(other.tap.number)")
        }
        do throws(CaptureFile.End) {
            return try CaptureFile(names, header: tap.fileHeader, maximumByteCount: maximumByteCount)
        } catch {
            throw ControlFailure(.generic, "cannot make \(name.escaped) in \(directory.escaped): \(error)")
        }
    }

    // MARK: Ending

    /// Takes a capture out of those that run, and writes the end of its file.
    func end(_ capture: Capture) {
        running.removeAll { $0 === capture }
        // The disk may be full: then the numbers at the end are missing, and the answer has them.
        try? capture.finish()
    }
}
