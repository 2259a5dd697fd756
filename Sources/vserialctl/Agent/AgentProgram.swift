import ClientProtocols
import ControlProtocol
import Glibc

/// A program that the agent runs in the guest.
struct AgentProgram {
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
    func run(
        _ path: String, _ arguments: [String], until deadline: Deadline?
    ) throws(CommandFailure) -> AgentProgramResult {
        let process = try agent.call(
            "guest-exec",
            [
                "path": .string(path), "arg": .array(arguments.map(JSONValue.string)), "capture-output": .bool(true),
            ], returning: AgentProcess.self)
        var pause = Self.firstPauseSeconds
        while true {
            let status = try agent.call(
                "guest-exec-status", ["pid": .integer(process.pid)], returning: AgentProcessStatus.self)
            let result = try CommandFailure.guest { () throws(GuestError) in try status.result() }
            if let result { return result }
            if deadline?.hasPassed == true {
                throw .timedOut("the program has not ended; it goes on in the guest as process \(process.pid)")
            }
            // Nothing is to be read meanwhile, and a signal ends the process.
            usleep(UInt32(pause * 1e6))
            pause = min(2 * pause, Self.longestPauseSeconds)
        }
    }
}
