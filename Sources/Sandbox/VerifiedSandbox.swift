/// What keeps the process in, as it was found in `/proc` for every thread.
package struct VerifiedSandbox: Equatable, Sendable {
    package var confinement: Confinement
    package var filterAction: FilterAction
    package var identity: Identity
    /// Of the kernel's Landlock.
    var landlockABI: Int32
    package var threadCount: Int
}

extension VerifiedSandbox: CustomStringConvertible {
    /// One sentence for the log.
    package var description: String {
        let walls =
            switch confinement {
            case .namespace: "an empty root and no network"
            case .landlock: "Landlock (ABI \(landlockABI))"
            case .none: "no confinement"
            }
        let calls = filterAction == .none ? "all system calls" : "system calls by list (\(filterAction.rawValue))"
        return """
            sandbox: \(walls), user \(identity.user), group \(identity.group), no capabilities, \(calls); checked for \
            \(threadCount) threads
            """
    }
}
