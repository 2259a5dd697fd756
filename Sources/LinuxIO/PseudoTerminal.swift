import CLinux
import Glibc
import SystemPackage

/// A terminal whose other side is a program's: the master is ours, whoever opens ``path`` is at the other end (`pty(7)`).
///
/// Nothing tells the master that somebody has opened the other side; inotify does.
public struct PseudoTerminal: ~Copyable, Sendable {
    private let master: OpenFile
    private let watch: OwnedFileDescriptor

    /// The other side's device, `/dev/pts/N`.
    public let path: String

    /// Makes a terminal that passes every byte as it is, with nobody at the other end.
    ///
    /// - Parameters:
    ///   - mode: permissions of the other side's device.
    ///   - owner: the user that it is given to, which takes root; nil leaves it to who we are.
    ///   - group: the group likewise.
    /// - Returns: the master's side.
    /// - Throws: ``SystemError``.
    public static func open(
        mode: UInt16, owner: UInt32? = nil, group: UInt32? = nil
    ) throws(SystemError) -> PseudoTerminal {
        var name = [CChar](repeating: 0, count: 64)
        let number = try systemCall("posix_openpt") { unsafe clinux_open_terminal(&name, name.count) }
        let master = try OpenFile(adopting: OwnedFileDescriptor(adopting: number))
        let path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try prepare(path, mode: mode, owner: owner, group: group)
        let watch = OwnedFileDescriptor(
            adopting: try systemCall("inotify_init1") { inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) })
        try systemCall("inotify_add_watch") { unsafe inotify_add_watch(watch.rawValue, path, UInt32(IN_OPEN)) }
        return PseudoTerminal(master: master, watch: watch, path: path)
    }

    private init(master: consuming OpenFile, watch: consuming OwnedFileDescriptor, path: String) {
        self.master = master
        self.watch = watch
        self.path = path
    }

    /// Opening and closing the other side once is what makes the master report that nobody is there.
    private static func prepare(
        _ path: String, mode: UInt16, owner: UInt32?, group: UInt32?
    ) throws(SystemError) {
        let other = try OpenFile(path: path, flags: O_RDWR)
        try TerminalSettings(of: other.rawValue).raw.apply(to: other.rawValue)
        try other.setAccess(mode: mode, owner: owner, group: group)
    }

    /// Readable when somebody has opened the other side since ``drain()``; borrowed.
    public var watchDescriptor: Int32 { watch.rawValue }

    /// Forgets who has opened the other side until now.
    public func drain() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while unsafe read(watch.rawValue, &bytes, bytes.count) > 0 {}
    }

    /// Whether somebody is at the other end. The corresponding C function is `poll(2)`.
    public var isOpen: Bool {
        var entry = pollfd(fd: master.rawValue, events: 0, revents: 0)
        guard unsafe poll(&entry, 1, 0) >= 0 else { return false }
        return entry.revents & Int16(POLLHUP) == 0
    }

    /// Whether somebody has written what was not read yet; looked for after ``isOpen`` it misses nobody.
    public var hasUnreadBytes: Bool {
        ((try? master.unreadByteCount()) ?? 0) > 0
    }

    /// A descriptor of the master, for as long as whoever is there stays.
    ///
    /// - Throws: ``SystemError`` when the process has no descriptor left.
    public func connect() throws(SystemError) -> OpenFile {
        try master.duplicate()
    }
}
