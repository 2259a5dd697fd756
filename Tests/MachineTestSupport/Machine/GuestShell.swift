import FoundationEssentials
import Glibc

/// The guest's shell at the other end of its serial line (`plain-shell` in guest/init: no prompt, no echo).
package final class GuestShell {
    private let stream: SocketStream
    private let log: Int32
    private var pending: [UInt8] = []
    private var commandCount = 0

    /// Takes the serial line over. Everything the guest writes is appended to the file `log`.
    package init(_ stream: SocketStream, log: String) throws {
        self.stream = stream
        self.log = unsafe open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        try expect(self.log >= 0, "cannot write \(log): errno \(errno)")
    }

    deinit { close(log) }

    /// Waits until the guest has booted, also after a reboot.
    package func waitForBoot(within duration: Duration = .seconds(90)) throws {
        _ = try output(until: "plain shell\n", by: Deadline(within: duration), "the guest did not boot")
    }

    /// Runs commands and returns what they wrote.
    ///
    /// - Throws: ``Failure`` when the last one's exit code is not 0 or the time is over.
    @discardableResult
    package func run(_ command: String, within duration: Duration = .seconds(60)) throws -> String {
        let deadline = Deadline(within: duration)
        commandCount += 1
        let mark = "<guest-\(commandCount):"
        try send("\(command)\necho \"\(mark)$?>\"\n", by: deadline)
        var text = try output(until: mark, by: deadline, "no end of: \(command)")
        let status = try output(until: ">\n", by: deadline, "no exit code of: \(command)")
        try expect(status == "0", "in the guest, exit code \(status): \(command)\n\(text)")
        while text.hasSuffix("\n") { text.removeLast() }
        return text
    }

    /// Sends a command that leaves no shell to answer, such as `reboot -f`.
    package func send(_ command: String, by deadline: Deadline = Deadline(within: .seconds(10))) throws {
        try stream.send(Array("\(command)\n".utf8), by: deadline)
    }

    /// Starts a command that runs while others do. One ``finish(_:within:)`` belongs to each.
    package func start(_ name: String, _ command: String) throws {
        try run("rm -f /tmp/\(name).status; { (\(command)); echo $? >/tmp/\(name).status; } >/tmp/\(name).log 2>&1 &")
    }

    package func isRunning(_ name: String) throws -> Bool {
        try run("[ -e /tmp/\(name).status ] && echo ended || echo runs") == "runs"
    }

    /// Waits for what ``start(_:_:)`` began and returns what it wrote.
    ///
    /// - Throws: ``Failure`` when its exit code is not 0 or the time is over.
    @discardableResult
    package func finish(_ name: String, within duration: Duration = .seconds(60)) throws -> String {
        try waitUntil("[ -s /tmp/\(name).status ]", within: duration)
        return try run("cat /tmp/\(name).log; exit=$(cat /tmp/\(name).status); (exit $exit)")
    }

    /// Waits until a condition of the guest holds, looking at it every 20 ms.
    package func waitUntil(_ condition: String, within duration: Duration = .seconds(20)) throws {
        let tries = max(1, Int(duration / .milliseconds(20)))
        try run(
            "n=0; until \(condition); do n=$((n+1)); [ $n -lt \(tries) ] || break; usleep 20000; done; \(condition)",
            within: duration * 2 + .seconds(10))
    }

    private func output(until mark: String, by deadline: Deadline, _ complaint: String) throws -> String {
        let mark = Array(mark.utf8)
        while true {
            if let range = pending.firstRange(of: mark) {
                defer { pending.removeFirst(range.upperBound) }
                return String(decoding: pending[..<range.lowerBound], as: UTF8.self)
            }
            try expect(!deadline.hasPassed, complaint)
            guard stream.poll(for: POLLIN, by: deadline) != 0 else { throw Failure(complaint) }
            guard case .bytes(let more)? = try stream.receiveNow(upTo: 1 << 16) else {
                throw Failure("the serial line has ended; \(complaint)")
            }
            unsafe more.withUnsafeBytes { _ = unsafe write(log, $0.baseAddress, $0.count) }
            pending += more.filter { $0 != UInt8(ascii: "\r") }
        }
    }
}

/// What the guest's driver says about a port, from debugfs.
extension GuestShell {
    /// Links the ports by name, again after their driver was bound anew, and waits for `names`.
    package func linkPorts(_ names: [String]) throws { try run("ports \(names.joined(separator: " "))") }

    /// Waits until, for example, `host_connected` of a port is 1.
    package func waitForPort(_ name: String, _ field: String, _ value: Int, within duration: Duration = .seconds(20))
        throws
    {
        try waitUntil("grep -q '^\(field): \(value)$' \(Self.stateFile(name))", within: duration)
    }

    /// The number in one line of the port's state.
    package func portState(_ name: String, _ field: String) throws -> Int {
        let text = try run("sed -n 's/^\(field): //p' \(Self.stateFile(name))")
        guard let number = Int(text) else { throw Failure("\(field) of \(name) is not a number: \(text)") }
        return number
    }

    private static func stateFile(_ name: String) -> String {
        "/sys/kernel/debug/virtio-ports/$(basename $(readlink /dev/virtio-ports/\(name)))"
    }
}
