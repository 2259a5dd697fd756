/// What the operator wants the process to be shut in by.
package struct SandboxOptions: Equatable, Sendable {
    /// What keeps the process away from files, network and other processes; `nil` is the strongest that works here and
    /// keeps what was asked for.
    package var confinement: Confinement?
    /// What happens when a system call is made that no thread of ours needs.
    package var filterAction: FilterAction
    /// Whom the process becomes; `nil` leaves it who it is.
    package var identity: Identity?
    /// Whether the peers of sockets must be known by their own user numbers, which a user namespace hides.
    package var needsPeerIdentities: Bool
    /// What the control thread does while it runs.
    package var duties: ControlDuties
    /// The directories that the process needs at run time, as the operator wrote them. Nothing else is left of the file
    /// system.
    package var directories: [String]

    package init(
        confinement: Confinement? = nil, filterAction: FilterAction = .kill, identity: Identity? = nil,
        needsPeerIdentities: Bool = false, duties: ControlDuties = [],
        directories: [String] = []
    ) {
        self.confinement = confinement
        self.filterAction = filterAction
        self.identity = identity
        self.needsPeerIdentities = needsPeerIdentities
        self.duties = duties
        self.directories = directories
    }
}

/// How the process is kept from files, network and other processes.
package enum Confinement: String, CaseIterable, Sendable {
    /// Namespaces of its own: an empty root with the needed directories, no network interfaces.
    case namespace
    /// Landlock rules: the file system as it is, and rights in the needed directories only.
    case landlock
    /// Not at all.
    case none
}

/// What the kernel does with a system call that is not on the list.
package enum FilterAction: String, CaseIterable, Sendable {
    /// Ends the process.
    case kill
    /// Says which call of which thread it was on stderr, and ends the process.
    case trap
    /// Allows it and writes a line into the kernel's log.
    case log
    /// No list.
    case none
}

/// A user and a group by number.
package struct Identity: Equatable, Sendable {
    package var user: UInt32
    package var group: UInt32

    package init(user: UInt32, group: UInt32) {
        self.user = user
        self.group = group
    }
}
