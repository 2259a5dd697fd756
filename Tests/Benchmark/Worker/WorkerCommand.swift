import ArgumentParser
import Glibc
import LinuxIO

/// A plain process beside the one that measures: the programs at the ports' sockets, and the limit's second process.
///
/// It is told what to do by lines on `--channel`, one line for each piece of work: roles with a space between them, for
/// example `sink:0 source:1:65536`. Role `i` of the line has a thread of its own and part `i` of the counters. A line may
/// be one `loop:FLOW…` or `uring:FLOW…` instead: one thread for all flows, of which flow `i` has part `i`.
struct WorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "worker", shouldDisplay: false)

    @Option var channel: Int32
    @Option var counters: Int32
    @Option(help: "A socket to connect to; connections are numbered from 0.") var connect: [String] = []
    @Option(help: "A connected socket that was inherited.") var socket: [Int32] = []
    @Option(help: "The eventfd of role relay.") var kick: Int32 = -1

    func run() throws {
        var sockets = socket
        for path in connect { sockets.append(try Self.connected(to: path)) }
        // So that a role that waits for bytes can see that no more are to come.
        var limit = timeval(tv_sec: 0, tv_usec: 100_000)
        for socket in sockets {
            // Roles wait in their calls, as plain programs do.
            _ = fcntl(socket, F_SETFL, 0)
            unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        let counters = try SharedCounters(file: OwnedFileDescriptor(adopting: self.counters))
        try writeReady()
        var text = ""
        while let byte = readByte() {
            guard byte == UInt8(ascii: "\n") else {
                text.unicodeScalars.append(UnicodeScalar(byte))
                continue
            }
            try start(text, sockets: sockets, counters: counters)
            text = ""
        }
    }

    private func start(_ line: String, sockets: [Int32], counters: SharedCounters) throws {
        let words = line.split(separator: ":", maxSplits: 1)
        switch (words.first, words.last) {
        case ("loop", let flows?):
            let loop = PlainLoop(String(flows), sockets: sockets, kick: kick, counters: counters)
            _ = try Thread.spawn(name: "loop") { loop.run() }
        case ("uring", let flows?):
            let loop = UringLoop(String(flows), sockets: sockets, kick: kick, counters: counters)
            _ = try Thread.spawn(name: "uring") { loop.run() }
        default:
            for (index, role) in line.split(separator: " ").enumerated() {
                let role = try WorkerRole(String(role), index: index, sockets: sockets, kick: kick, counters: counters)
                _ = try Thread.spawn(name: "role \(index)") { role.run() }
            }
        }
    }

    private func readByte() -> UInt8? {
        var byte: UInt8 = 0
        return unsafe read(channel, &byte, 1) == 1 ? byte : nil
    }

    private func writeReady() throws {
        var byte = UInt8(ascii: "r")
        guard unsafe write(channel, &byte, 1) == 1 else { throw BenchmarkError("nobody to work for") }
    }

    private static func connected(to path: String) throws -> Int32 {
        let deadline = Deadline(seconds: 5)
        while true {
            do {
                let stream = try UnixStream.connect(to: UnixAddress(path))
                let number = dup(stream.rawValue)
                guard number >= 0 else { throw BenchmarkError("dup: errno \(errno)") }
                return number
            } catch let error as SystemError {
                try deadline.check("connecting to \(path): \(error)")
                usleep(2000)
            }
        }
    }
}
