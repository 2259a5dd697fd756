package import LinuxIO

/// Who may be a client of a port, beside what the socket's mode says.
package struct PeerPolicy: Equatable, Sendable {
    /// Users and groups by number. With both empty, whoever can connect may stay.
    package var users: [UInt32]
    package var groups: [UInt32]

    package init(users: [UInt32] = [], groups: [UInt32] = []) {
        self.users = users
        self.groups = groups
    }

    package var isEmpty: Bool { users.isEmpty && groups.isEmpty }

    /// Whether a peer may stay.
    ///
    /// - Parameters:
    ///   - peer: who called connect(2).
    ///   - supplementaryGroups: the peer's; asked for only when it matters.
    /// - Returns: whether the peer is in one of the lists, or there are none.
    /// - Throws: ``SystemError``, what asking for the groups failed with.
    package func admits(
        _ peer: PeerCredentials, supplementaryGroups: () throws(SystemError) -> [UInt32]
    ) throws(SystemError) -> Bool {
        if isEmpty || users.contains(peer.userIdentifier) || groups.contains(peer.groupIdentifier) { return true }
        guard !groups.isEmpty else { return false }
        return try supplementaryGroups().contains(where: groups.contains)
    }
}
