import ArgumentParser
import CLinux
import Glibc
import LinuxIO

/// What somebody who took the process over would try.
enum Attempt: String, CaseIterable, ExpressibleByArgument {
    case nothing
    /// Read a file of the host.
    case readPasswords
    /// The same by way of `..` and the descriptors that are still open.
    case climbOut
    /// Write a file beside those that are needed.
    case writeOutside
    /// Make and remove a file where it is needed: must go on working.
    case writeInside
    /// Make a socket of the network.
    case internetSocket
    /// Make a UNIX socket.
    case unixSocket
    case execute
    case becomeRoot
    case executableMemory
    /// Keep the host from swapping.
    case lockMemory
    case signalParent
    case newNamespace
    /// See what the host's network has.
    case listInterfaces

    func makeAndTell() {
        errno = 0
        let isAllowed = make()
        say(isAllowed ? "allowed" : "refused: \(errno)")
    }

    /// Whether it worked.
    private func make() -> Bool {
        switch self {
        case .nothing: return true
        case .readPasswords: return Self.canOpen("/etc/passwd", O_RDONLY)
        case .climbOut:
            return (0..<64).contains { number in
                let file = unsafe openat(Int32(number), "../../../../../../../../etc/passwd", O_RDONLY)
                return file >= 0
            }
        case .writeOutside: return Self.canOpen("/tmp/vhost-user-serial-probe-outside", O_WRONLY | O_CREAT)
        case .writeInside:
            let path = CommandLine.arguments.firstIndex(of: "--directory").map { CommandLine.arguments[$0 + 1] } ?? ""
            guard Self.canOpen("\(path)/inside", O_WRONLY | O_CREAT) else { return false }
            return unsafe unlink("\(path)/inside") == 0
        case .internetSocket: return socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) >= 0
        case .unixSocket: return socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0) >= 0
        case .execute:
            var arguments = unsafe [strdup("/bin/true"), nil]
            return unsafe execve("/bin/true", &arguments, nil) == 0
        case .becomeRoot: return setuid(0) == 0
        case .executableMemory:
            let page = unsafe mmap(nil, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            return unsafe page != MAP_FAILED
        case .lockMemory:
            let page = unsafe mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            return unsafe mlock(page, 4096) == 0
        case .signalParent: return kill(getppid(), 0) == 0
        case .newNamespace: return clinux_unshare(true) == 0
        case .listInterfaces: return Self.canOpen("/proc/net/dev", O_RDONLY)
        }
    }

    private static func canOpen(_ path: String, _ flags: Int32) -> Bool {
        let file = unsafe open(path, flags, 0o600)
        return file >= 0
    }
}
