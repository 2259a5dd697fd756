import Glibc
import LinuxIO

extension EventFileDescriptor {
    /// Signals an eventfd of our own, which fails only when our own descriptors are mixed up.
    borrowing func signalOwn() {
        do {
            try signal()
        } catch {
            assertionFailure("our own eventfd: \(error)")
        }
    }

    /// Waits for an eventfd of our own. A signal may end it early: look at what is waited for.
    borrowing func waitOwn() {
        var descriptor = pollfd(fd: rawValue, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&descriptor, 1, -1)
    }

    /// Drains an eventfd of our own.
    borrowing func drainOwn() {
        do {
            _ = try drain()
        } catch {
            assertionFailure("our own eventfd: \(error)")
        }
    }
}
