import CLinux
import Glibc
import LinuxIO
import SystemPackage

/// Namespaces of our own, with a root directory that has nothing in it but the needed directories, at their own places.
///
/// A path that was good before is good afterwards when it leads into one of them: sockets are made and removed there,
/// log files opened again, as ever. Nothing has to hold a descriptor of a directory, from which `..` would lead out.
enum PrivateRoot {
    /// Where the new root is mounted until it is the root. What is hidden by that was opened before.
    private static let workshop = "/tmp"
    private static let isolation = UInt(MS_NOSUID | MS_NODEV | MS_NOEXEC)

    /// Whether the namespaces can be had at all. What fails after that is an error: there is no way back.
    ///
    /// - Parameter withUserNamespace: what somebody without capabilities needs for the others.
    /// - Throws: ``SandboxError/step(_:_:)``; the process is unchanged when its purpose is ``unsharing``.
    static func unshare(withUserNamespace: Bool) throws(SandboxError) {
        let identity = Identity(user: geteuid(), group: getegid())
        try step(unsharing, "unshare") { clinux_unshare(withUserNamespace) }
        if withUserNamespace { try map(identity) }
    }

    /// The purpose of the step that changes nothing when it fails.
    static let unsharing = "namespaces"

    /// In the new user namespace we are who we were, and nobody else exists.
    private static func map(_ identity: Identity) throws(SandboxError) {
        try write("deny", to: "/proc/self/setgroups")
        try write("\(identity.user) \(identity.user) 1", to: "/proc/self/uid_map")
        try write("\(identity.group) \(identity.group) 1", to: "/proc/self/gid_map")
    }

    private static func write(_ text: String, to path: String) throws(SandboxError) {
        let file = try open(path, O_WRONLY)
        let bytes = Array(text.utf8)
        try step("user namespace", "write(\(path))") { Int32(unsafe Glibc.write(file.rawValue, bytes, bytes.count)) }
    }

    /// Makes the new root and goes there.
    ///
    /// - Parameter directories: absolute, without symbolic links, each before those below it. One below another is bound
    ///   by itself: it may be another file system, which its parent does not bring along.
    /// - Throws: ``SandboxError``. The process is between two roots then, and must end.
    static func enter(_ directories: [String]) throws(SandboxError) {
        // What is mounted here is nobody else's business, and the other way round.
        try mount(nil, "/", nil, UInt(MS_REC | MS_PRIVATE))
        var sources: [Int32] = []
        for path in directories { sources.append(try open(path, Int32(CLINUX_O_PATH) | O_DIRECTORY).release()) }
        defer { for source in sources { close(source) } }
        try mount("tmpfs", workshop, "tmpfs", isolation, "mode=0755,size=64k")
        // Another user has to get through the directories on the way, whatever the mode of files is to be.
        let mask = umask(0o022)
        defer { umask(mask) }
        for (path, source) in zip(directories, sources) {
            let place = workshop + path
            try makeDirectories(place)
            try mount("/proc/self/fd/\(source)", place, nil, UInt(MS_BIND))
            try mount(nil, place, nil, UInt(MS_REMOUNT | MS_BIND) | isolation | flags(of: place))
        }
        try step("private root", "chdir") { unsafe chdir(workshop) }
        // The new root on top of the old one, which is then taken away from below: no directory for it is needed.
        try step("private root", "pivot_root") { unsafe clinux_pivot_root(".", ".") }
        try step("private root", "umount2") { unsafe umount2(".", Int32(MNT_DETACH)) }
        try step("private root", "chdir") { unsafe chdir("/") }
        try mount(nil, "/", nil, UInt(MS_REMOUNT | MS_BIND | MS_RDONLY) | isolation)
    }

    /// The flags that a mount has: in a user namespace none may get lost with a remount.
    private static func flags(of path: String) -> UInt {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else { return 0 }
        return UInt(status.f_flag) & UInt(MS_RDONLY | MS_NOATIME | MS_NODIRATIME | MS_SYNCHRONOUS)
    }

    private static func makeDirectories(_ path: String) throws(SandboxError) {
        for (index, byte) in path.utf8.enumerated().dropFirst() where byte == UInt8(ascii: "/") {
            _ = unsafe mkdir(String(decoding: path.utf8.prefix(index), as: UTF8.self), 0o755)
        }
        try step("private root", "mkdir(\(path))") {
            let result = unsafe mkdir(path, 0o755)
            return result == -1 && errno == EEXIST ? 0 : result
        }
    }

    private static func open(_ path: String, _ flags: Int32) throws(SandboxError) -> OwnedFileDescriptor {
        OwnedFileDescriptor(
            adopting: try step("private root", "open(\(path))") { unsafe Glibc.open(path, flags | O_CLOEXEC) })
    }

    private static func mount(
        _ source: String?, _ target: String, _ type: String?, _ flags: UInt, _ options: String? = nil
    ) throws(SandboxError) {
        try step("private root", "mount(\(target))") { unsafe Glibc.mount(source, target, type, flags, options) }
    }

    @discardableResult
    private static func step(
        _ purpose: String, _ call: String, _ body: () -> Int32
    ) throws(SandboxError) -> Int32 {
        let result = body()
        guard result != -1 else { throw .step(purpose, SystemError(call: call, errno: .last)) }
        return result
    }
}
