import Sandbox

/// Who may reach what is made for a port, by the file's owner, group and mode: a socket's, a terminal's, a file's.
package struct EndpointAccess: Equatable, Sendable {
    /// By number; nil is the daemon's own, or what is said for all ports.
    package var owner: UInt32?
    package var group: UInt32?
    /// Permission bits, 0 to 0o777; nil is what is said for all ports.
    package var mode: UInt16?

    package init(owner: UInt32? = nil, group: UInt32? = nil, mode: UInt16? = nil) {
        self.owner = owner
        self.group = group
        self.mode = mode
    }
}

extension DaemonConfiguration {
    /// What a port's file gets: what the port says, else what is said for all.
    func access(of port: PortConfiguration) -> (owner: UInt32?, group: UInt32?, mode: UInt16) {
        let access = port.access
        return (
            access.owner ?? sandbox.identity?.user, access.group ?? socketGroup ?? sandbox.identity?.group,
            // A group that is named shall be of use.
            access.mode ?? (access.group == nil ? socketMode : 0o660)
        )
    }
}
