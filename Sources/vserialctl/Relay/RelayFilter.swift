/// Looks at what a relay carries one way, and may change it.
protocol RelayFilter: AnyObject {
    /// Called with each piece, in order, once.
    func pass(_ piece: inout [UInt8]) throws(CommandFailure) -> RelayVerdict
}

/// Whether a relay goes on after a piece.
enum RelayVerdict {
    case goOn
    /// It ends when what is left of the piece, and all before it, has been written.
    case stopWhenWritten
    /// It ends now, whether or not anybody reads.
    case stopNow
}
