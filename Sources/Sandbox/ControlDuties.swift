/// What the control thread does while the daemon runs, beside ending it: each duty takes system calls that it has not
/// without.
package struct ControlDuties: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Makes sockets and files for an operator.
    package static let operators = ControlDuties(rawValue: 1 << 0)
    /// Connects ports to sockets of others.
    package static let connectors = ControlDuties(rawValue: 1 << 1)

    /// Writes ports' transcripts.
    package static let transcripts = ControlDuties(rawValue: 1 << 2)

    /// Gives the terminal of standard input back as it was found.
    package static let terminal = ControlDuties(rawValue: 1 << 3)

    /// Whether it connects to sockets, for ports that there are or for those that an operator may add.
    package var connects: Bool { !isDisjoint(with: [.operators, .connectors]) }

    package static let all: ControlDuties = [.operators, .connectors, .transcripts, .terminal]
}
