import ArgumentParser
import Glibc
import LinuxIO
import Sandbox

/// Shuts itself in as the daemon does, and then tries one thing that somebody who took the daemon over would try.
///
/// Prints what came of it: `allowed`, or `refused: ERRNO`. A call that the filter denies ends the process.
@main
struct SandboxProbe: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "vhost-user-serial-sandbox-probe")

    @Option var sandbox: Confinement?
    @Option var seccomp = FilterAction.kill
    @Option var user: UInt32?
    @Option(help: "A directory that is needed.") var directory: [String] = []
    @Option(help: "Become this user first, as if the operator were it.") var asUser: UInt32?
    @Flag var needsPeers = false
    @Option(help: "The thread that makes the attempt.") var thread = "device"
    @Argument(help: "What to try; see Attempt.") var attempt: Attempt

    func run() throws {
        if let asUser {
            // Executed anew: a process that has changed its user has a /proc/self of root's.
            guard setgroups(0, nil) == 0, setgid(asUser) == 0, setuid(asUser) == 0 else {
                throw ValidationError("cannot become \(asUser)")
            }
            let option = CommandLine.arguments.firstIndex(of: "--as-user") ?? 0
            var arguments = CommandLine.arguments
            arguments.removeSubrange(option...option + 1)
            var strings = unsafe arguments.map { unsafe strdup($0) } + [nil]
            _ = unsafe execv("/proc/self/exe", &strings)
            throw ValidationError("cannot be executed by \(asUser)")
        }
        do {
            let sandbox = try Sandbox.enter(
                SandboxOptions(
                    confinement: sandbox, filterAction: seccomp,
                    identity: user.map { Identity(user: $0, group: $0) }, needsPeerIdentities: needsPeers,
                    directories: directory))
            say("confinement: \(sandbox.confinement.rawValue)")
            let (attempt, seccomp, thread) = (attempt, seccomp, thread)
            // The attempt is the device thread's when it is not the main thread's; both have their own list by then.
            let ready = try EventFileDescriptor()
            let permission = try EventFileDescriptor()
            let (number, permissionNumber) = (ready.rawValue, permission.rawValue)
            let other = try Thread.spawn(name: "device") {
                do {
                    try Sandbox.confine(.device, action: seccomp)
                } catch {
                    say("device: \(error)")
                }
                var one: UInt64 = 1
                _ = unsafe write(number, &one, 8)
                // Until all threads were looked at.
                var permission = pollfd(fd: permissionNumber, events: Int16(POLLIN), revents: 0)
                _ = unsafe poll(&permission, 1, -1)
                if thread == "device" { attempt.makeAndTell() } else { _ = poll(nil, 0, -1) }
            }
            var wait = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            _ = unsafe poll(&wait, 1, -1)
            try Sandbox.confine(.control, action: seccomp)
            let verified = try sandbox.verify()
            say("\(verified)")
            try permission.signal()
            if thread == "device" {
                other.join()
            } else {
                attempt.makeAndTell()
            }
        } catch let error as SandboxError {
            say("error: \(error)")
        }
        Glibc.exit(0)
    }
}

/// Prints at once: a denied call ends the process with what is in a buffer.
func say(_ text: String) {
    let line = Array((text + "\n").utf8)
    _ = unsafe write(STDOUT_FILENO, line, line.count)
}

extension Confinement: ExpressibleByArgument {}
extension FilterAction: ExpressibleByArgument {}
