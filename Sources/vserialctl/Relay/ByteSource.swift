import LinuxIO

/// Where bytes come from, without ever waiting for them.
protocol ByteSource: AnyObject {
    /// For poll(2). Borrowed.
    var descriptor: Int32 { get }

    /// Appends what is there, at most `limit` bytes, which is not 0: `bytes`, `wouldBlock`, `endOfFile` or `reset`.
    func read(appendingTo bytes: inout [UInt8], atMost limit: Int) throws(CommandFailure) -> IOOutcome
}
