import ClientProtocols
import ControlProtocol
import Glibc
import LinuxIO
import SystemPackage

/// Looks at everything that must be right, from QEMU to the guest's programs.
struct Doctor {
    /// The control socket's; nil when nobody has said.
    var controlPath: String?
    /// The program that the VM is started with; nil is the one in PATH, when no running one shows what it can.
    var qemu: String?
    /// QEMU's process; nil asks the daemon.
    var process: Int32?
    /// The daemon's --socket-path, to be looked at.
    var socketPath: String?

    func checks() -> [Check] {
        let daemon = askDaemon()
        let running = commandLine(daemon.status)
        let hasDevice = running.first?.verdict == .ok
        let program =
            qemu == nil && hasDevice
            ? QEMUChecks.notNeeded : QEMUChecks.checks(ofProgram: qemu ?? QEMUChecks.usualProgram)
        return program + [daemon.socket]
            + (socketPath.map { [SocketChecks.file("front-end-socket", path: $0)] } ?? [])
            + running + daemonChecks(daemon)
            + (daemon.ports ?? []).map(SocketChecks.port)
    }

    /// A daemon answers within milliseconds; one that is traced or stopped, never.
    private static let patienceMilliseconds: Int32 = 5000

    private struct Answers {
        var socket: Check
        var status: DaemonStatus?
        var ports: [PortStatus]?
    }

    private func askDaemon() -> Answers {
        guard let path = controlPath else {
            return Answers(
                socket: .notChecked(
                    "control-socket", because: "no daemon was named",
                    advice: "say which with --control PATH or VSERIALCTL_CONTROL=PATH"))
        }
        do throws(CommandFailure) {
            let client = try ControlClient(path: path, patienceMilliseconds: Self.patienceMilliseconds)
            let status = try client.call(.queryStatus, returning: DaemonStatus.self)
            let ports = try client.call(.queryPorts, returning: [PortStatus].self)
            return Answers(socket: SocketChecks.control(path: path, error: nil), status: status, ports: ports)
        } catch .unreachable(_, let error) {
            return Answers(socket: SocketChecks.control(path: path, error: error.errno))
        } catch {
            return Answers(
                socket: .failed(
                    "control-socket", PrintableText.escaping("\(error)"),
                    advice: "is it a vhost-user-serial's control socket, and is the daemon as new as this program?"))
        }
    }

    private func daemonChecks(_ daemon: Answers) -> [Check] {
        guard let status = daemon.status, let ports = daemon.ports else {
            return DaemonChecks.notChecked(because: "no daemon answers")
        }
        return DaemonChecks.checks(status: status, ports: ports)
    }

    /// What the running QEMU was told. Its program is not run to find out more: who connects to the daemon as a
    /// front-end need not be QEMU.
    private func commandLine(_ status: DaemonStatus?) -> [Check] {
        guard let process = process ?? status?.frontend?.pid, process > 0 else {
            return CommandLineChecks.notChecked(
                because: "no running QEMU is known", advice: "say which with --pid N")
        }
        switch ProcessCommandLine.words(of: process) {
        case .success(let bytes):
            return CommandLineChecks.checks(of: QEMUCommandLine(procText: bytes), maxPorts: status?.maxPorts)
        case .failure(let error):
            return CommandLineChecks.notChecked(
                because: "/proc/\(process)/cmdline cannot be read: \(error)", advice: "is it the right --pid?")
        }
    }
}
