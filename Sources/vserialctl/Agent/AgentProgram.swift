import ControlProtocol
import Glibc

/// A program that the agent runs in the guest.
struct AgentProgram {
    /// What it came to.
    struct Result: Equatable {
        var output: [UInt8]
        var errors: [UInt8]
        /// The program's own, or 128 and the signal that ended it.
        var exitCode: Int32
        /// Whether the agent has thrown a part of the outputs away.
        var isTruncated: Bool
    }

    let agent: AgentClient

    /// Between two looks at whether it has ended: doubled up to a maximum.
    private static let firstPauseSeconds = 0.02
    private static let longestPauseSeconds = 1.0

    /// Runs a program to its end.
    ///
    /// - Parameters:
    ///   - path: found by the agent as a shell finds it.
    ///   - arguments: without the program's name.
    ///   - deadline: when to give up; the program goes on. nil for never.
    /// - Returns: what it printed and how it ended.
    /// - Throws: `guestFailed` when there is no such program.
    func run(_ path: String, _ arguments: [String], until deadline: Deadline?) throws(CommandFailure) -> Result {
        let process = try agent.call(
            "guest-exec",
            [
                "path": .string(path), "arg": .array(arguments.map(JSONValue.string)), "capture-output": .bool(true),
            ], returning: AgentProcess.self)
        var pause = Self.firstPauseSeconds
        while true {
            let status = try agent.call(
                "guest-exec-status", ["pid": .integer(process.pid)], returning: AgentProcessStatus.self)
            if status.exited { return try result(of: status) }
            if deadline?.hasPassed == true {
                throw .timedOut("the program has not ended; it goes on in the guest as process \(process.pid)")
            }
            // Nothing is to be read meanwhile, and a signal ends the process.
            usleep(UInt32(pause * 1e6))
            pause = min(2 * pause, Self.longestPauseSeconds)
        }
    }

    private func result(of status: AgentProcessStatus) throws(CommandFailure) -> Result {
        // The guest says what it likes; an exit code has eight bits.
        let code = status.signal.map { 128 + ($0 & 0x7F) } ?? status.exitcode ?? 0
        return Result(
            output: try Base64.decode(status.outData ?? ""), errors: try Base64.decode(status.errData ?? ""),
            exitCode: Int32(code & 0xFF), isTruncated: status.outTruncated == true || status.errTruncated == true)
    }
}
