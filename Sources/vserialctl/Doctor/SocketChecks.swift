import ClientProtocols
import ControlProtocol
import Glibc
import LinuxIO
import SystemPackage

/// Whether a socket can be connected to, and if not who may.
enum SocketChecks {
    /// What became of an attempt to connect to the control socket.
    static func control(path: String, error: Errno?) -> Check {
        let name = "control-socket"
        let shown = PrintableText.escaping(path)
        switch error {
        case nil: return .ok(name, "somebody answers at \(shown)")
        case .noSuchFileOrDirectory?, .notDirectory?:
            return .failed(
                name, "there is no \(shown)",
                advice: "start the daemon with --control \(shown), or say where it is with --control")
        case .connectionRefused?:
            return .failed(
                name, "nobody listens at \(shown)",
                advice: "the daemon has ended: its log says why. Start it again, and then the VM")
        case .permissionDenied?, .notPermitted?: return denied(name, path)
        case let error?:
            return .failed(name, "\(shown): \(error)", advice: "is it a vhost-user-serial's control socket?")
        }
    }

    /// The socket of a port. What is at another port's path is not ours, and may be the user's data.
    static func port(_ port: PortStatus) -> Check {
        let name = "port-socket"
        guard port.server == true else {
            return .notChecked(name, because: "the daemon has made no socket for \(PrintableText.escaping(port.id))")
        }
        return file(name, path: port.path)
    }

    /// The socket file of a port or for the front-end. It is looked at and not connected to: who connects is a client.
    static func file(_ name: String, path: String) -> Check {
        let shown = PrintableText.escaping(path)
        guard !path.hasPrefix("@") else {
            return .notChecked(name, because: "\(shown) is an abstract socket, which has no file")
        }
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            let error = Errno(rawValue: errno)
            if error == .permissionDenied { return denied(name, path) }
            return .failed(
                name, "there is no \(shown): \(error)",
                advice: "start the daemon; if it runs, somebody has removed the file, and a restart makes it again")
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            return .failed(name, "\(shown) is no socket", advice: "remove it, and start the daemon again")
        }
        guard unsafe faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 else { return denied(name, path) }
        return .ok(name, "\(shown) can be connected to")
    }

    private static func denied(_ name: String, _ path: String) -> Check {
        .failed(
            name, "no permission for \(PrintableText.escaping(path)): \(rights(of: path)); you are \(me())",
            advice: "start the daemon with --socket-group of a group that you are in, or become its user")
    }

    /// Owner, group and mode of the first thing on the way that stops us.
    private static func rights(of path: String) -> String {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "a directory is closed" }
            let directory = String(path[..<slash])
            guard unsafe stat(directory, &status) == 0 else { return rights(of: directory) }
            return "its directory \(PrintableText.escaping(directory)) has \(text(status))"
        }
        return "it has \(text(status))"
    }

    private static func text(_ status: stat) -> String {
        let digits = String(status.st_mode & 0o7777, radix: 8)
        let mode = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return "owner \(HostNames.user(status.st_uid)), group \(HostNames.group(status.st_gid)), mode \(mode)"
    }

    private static func me() -> String {
        var groups = [gid_t](repeating: 0, count: 65536)
        let count = unsafe getgroups(Int32(groups.count), &groups)
        let all = Set([getegid()] + groups.prefix(max(0, Int(count)))).sorted().map(HostNames.group)
        return "user \(HostNames.user(geteuid())), groups \(all.joined(separator: " "))"
    }
}
