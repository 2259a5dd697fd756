import ControlProtocol

/// Finds the answer to `guest-sync-delimited` behind whatever was meant for somebody else: who had the port before may
/// have left without his answers.
package struct AgentSynchronization {
    /// Starts the answer, and makes the agent forget half a command of somebody else. It is no byte of UTF-8.
    package static let delimiter: UInt8 = 0xFF

    private let number: Int64
    private var isBehindDelimiter = false

    /// - Parameter number: which the agent is to say.
    package init(number: Int64) {
        self.number = number
    }

    /// Takes bytes up to the end of the answer; returns whether it was there.
    package mutating func advance(_ unread: inout UnreadBytes) throws(GuestError) -> Bool {
        while true {
            if !isBehindDelimiter {
                isBehindDelimiter = unread.skip(behind: Self.delimiter)
                guard isBehindDelimiter else { return false }
            }
            guard let line = try unread.takeGuestLine(atMost: AgentLine.maximumByteCount) else { return false }
            isBehindDelimiter = false
            if (try? ControlCoding.decode(AgentAnswer<Int64>.self, from: line))?.return == number { return true }
        }
    }
}
