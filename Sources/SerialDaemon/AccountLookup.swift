import Sandbox

/// How users and groups in a port's lists are read.
package enum AccountLookup: Sendable {
    /// By name or number, with the host's databases: at the start, before the sandbox.
    case databases
    /// By number: from the sandbox no database is in reach.
    case numbersOnly

    func user(_ text: String) -> UInt32? {
        switch self {
        case .databases: UserDatabase.identity(of: text)?.user
        case .numbersOnly: OptionValue.number(text, in: 0...UInt32.max - 1)
        }
    }

    func group(_ text: String) -> UInt32? {
        switch self {
        case .databases: GroupDatabase.identifier(of: text)
        case .numbersOnly: OptionValue.number(text, in: 0...UInt32.max - 1)
        }
    }
}
