import FoundationEssentials
import Glibc
import MachineTestSupport

/// A file system of a few bytes, mounted on a directory of its own; gone with the value.
final class SmallDisk {
    let path: String

    /// - Throws: ``NotHere`` where nothing can be mounted.
    init(at path: String, byteCount: Int) throws {
        self.path = path
        if geteuid() != 0 { throw NotHere(reason: "only root can mount a small disk") }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        guard unsafe Glibc.mount("tmpfs", path, "tmpfs", 0, "size=\(byteCount)") == 0 else {
            throw NotHere(reason: "no small disk can be mounted: errno \(errno)")
        }
    }

    deinit { unsafe umount2(path, Int32(MNT_DETACH)) }

    /// Leaves no room.
    func fill() throws {
        let file = unsafe open("\(path)/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(file) }
        let bytes = [UInt8](repeating: 0x2e, count: 4096)
        while unsafe Glibc.write(file, bytes, bytes.count) > 0 {}
        try expect(errno == ENOSPC, "the disk cannot be filled: errno \(errno)")
    }

    /// Gives back what ``fill()`` took.
    func makeRoom() { unsafe unlink("\(path)/filler") }
}
