import Glibc
import LinuxIO
import SystemPackage

/// Waiting for descriptors.
enum Readiness {
    /// Waits until one of them is ready or the time is over. A signal counts as nothing ready: the caller asks again.
    ///
    /// - Parameters:
    ///   - entries: what to wait for, and then what is there.
    ///   - deadline: nil is for ever.
    /// - Throws: the host's error.
    static func wait(for entries: inout [pollfd], until deadline: Deadline?) throws(CommandFailure) {
        let count = unsafe poll(&entries, nfds_t(entries.count), deadline?.remainingMilliseconds ?? -1)
        guard count < 0 else { return }
        let error = Errno(rawValue: errno)
        guard error == .interrupted else { throw .system(SystemError(call: "poll", errno: error)) }
        for index in entries.indices { entries[index].revents = 0 }
    }

    /// Waits for one descriptor.
    ///
    /// - Returns: false when the time is over.
    static func wait(for descriptor: Int32, _ event: Int32, until deadline: Deadline?) throws(CommandFailure) -> Bool {
        var entries = [pollfd(fd: descriptor, events: Int16(event), revents: 0)]
        repeat {
            try wait(for: &entries, until: deadline)
            if entries[0].revents != 0 { return true }
        } while deadline?.hasPassed != true
        return false
    }
}
