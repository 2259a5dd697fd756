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

    /// Drains an eventfd of our own.
    borrowing func drainOwn() {
        do {
            _ = try drain()
        } catch {
            assertionFailure("our own eventfd: \(error)")
        }
    }
}
