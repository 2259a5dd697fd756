import Glibc
import MachineTestSupport

/// The guest's memory as the driver sees it: a file mapped shared, handed out from the bottom up.
///
/// A guest address is the offset in the file. What lies below ``firstAddress`` is left to the machine: a PC has other
/// things there.
@safe
package final class GuestRAM {
    package static let firstAddress: UInt64 = 16 << 20

    package let byteCount: Int
    private let base: UnsafeMutableRawPointer
    private var next = GuestRAM.firstAddress

    /// Maps the file, which is borrowed.
    package init(file: Int32, byteCount: Int) throws {
        let mapped = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw Failure("cannot map guest memory: errno \(errno)")
        }
        unsafe base = mapped
        self.byteCount = byteCount
    }

    deinit {
        unsafe munmap(base, byteCount)
    }

    /// Takes memory for good.
    package func allocate(_ count: Int, alignment: UInt64 = 4096) throws -> UInt64 {
        let start = (next + alignment - 1) & ~(alignment - 1)
        guard start + UInt64(count) <= UInt64(byteCount) else { throw Failure("guest memory is too small") }
        next = start + UInt64(count)
        return start
    }

    /// Where `count` bytes of the guest are here.
    package func pointer(_ address: UInt64, _ count: Int) -> UnsafeMutableRawPointer {
        precondition(address + UInt64(count) <= UInt64(byteCount))
        return unsafe base + Int(address)
    }
}
