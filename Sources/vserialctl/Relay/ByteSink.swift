import LinuxIO

/// Where bytes go, without ever waiting for room.
protocol ByteSink: AnyObject {
    /// For poll(2). Borrowed.
    var descriptor: Int32 { get }

    /// Writes as many bytes as there is room for.
    ///
    /// - Returns: `bytes`, `wouldBlock`, or `reset` when nobody reads any more.
    func write(_ bytes: ArraySlice<UInt8>) throws(CommandFailure) -> IOOutcome

    /// Tells the reader that no more comes, where there is a way to say so.
    func end() throws(CommandFailure)
}
