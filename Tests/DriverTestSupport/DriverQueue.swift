import Glibc
package import LinuxIO

/// A ring with the eventfd that kicks it.
package final class DriverQueue {
    package let ring: any DriverRing
    /// An eventfd, given before the first ``offer(_:)``.
    private var kick: Int32 = -1
    package private(set) var kickCount: UInt64 = 0

    package init(ring: any DriverRing) {
        self.ring = ring
    }

    deinit {
        if kick >= 0 { close(kick) }
    }

    /// Takes the eventfd that kicks this queue.
    package func takeKick(_ descriptor: consuming OwnedFileDescriptor) {
        kick = fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 0)
    }

    /// Makes a buffer available, and kicks when the device wants it.
    @inline(__always)
    package func offer(_ slot: Int) {
        guard ring.offer(slot) else { return }
        kickCount += 1
        signalKick()
    }

    /// Kicks, whether the device wants it or not.
    package func signalKick() {
        var one: UInt64 = 1
        // It can fail only when the counter is full, and then the device has not looked for 2^64 kicks.
        _ = unsafe write(kick, &one, 8)
    }
}
