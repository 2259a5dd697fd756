import Glibc

/// Sees to it that the kernel's next allocations are of memory that the host has given to this machine already.
///
/// A virtual machine with a balloon that reports free pages gives them back after some two seconds; the next use of each
/// faults into the host, and a socket's send then takes ten times as long. Nothing of that is any device's doing.
enum FreshMemory {
    private static let byteCount = 256 << 20

    /// Touches as much as sockets will want, and frees it at once.
    static func touch() {
        let mapped = unsafe mmap(
            nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_POPULATE), -1, 0)
        // Without it the measurement is only noisier.
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else { return }
        unsafe munmap(mapped, byteCount)
    }
}
