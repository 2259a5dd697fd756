import Glibc

/// How often this process has the open file of a descriptor open, the descriptor itself included.
///
/// Counting all open files would count those of the tests that run at the same time.
func openCount(of descriptor: Int32) -> Int {
    guard let wanted = OpenFile(descriptor), let directory = unsafe opendir("/proc/self/fd") else { return -1 }
    defer { unsafe closedir(directory) }
    var count = 0
    while let entry = unsafe readdir(directory) {
        let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
            unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
        }
        guard let number = Int32(name), OpenFile(number) == wanted else { continue }
        count += 1
    }
    return count
}

/// How many mappings of a file this process has.
func mappingCount(of descriptor: Int32) -> Int {
    guard let file = OpenFile(descriptor) else { return -1 }
    return contents("/proc/self/maps").split(separator: "\n").count { line in
        let fields = line.split(separator: " ", omittingEmptySubsequences: true)
        return fields.count > 4 && UInt64(fields[4]) == UInt64(file.inode)
    }
}

/// What tells one open file from another: anonymous ones share an inode, and eventfds have a number of their own in
/// /proc.
private struct OpenFile: Equatable {
    var device: UInt
    var inode: UInt
    var eventNumber: String

    init?(_ descriptor: Int32) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return nil }
        device = status.st_dev
        inode = status.st_ino
        // Anonymous inodes have no type.
        let information = status.st_mode & S_IFMT == 0 ? contents("/proc/self/fdinfo/\(descriptor)") : ""
        eventNumber = information.split(separator: "\n").first { $0.hasPrefix("eventfd-id") }.map(String.init) ?? ""
    }
}

private func contents(_ path: String) -> String {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = unsafe read(file, &piece, piece.count)
        guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        bytes += piece[..<count]
    }
}
