/// Streams of text, beside the way of guest memory: bytes that are looked at.
extension UnixStream {
    /// Receives what is there and appends it. The C function is `recv`.
    ///
    /// - Parameters:
    ///   - bytes: appended to.
    ///   - limit: how much at most, in bytes; not 0.
    /// - Returns: how much, or why nothing.
    /// - Throws: the host's error.
    public func receive(appendingTo bytes: inout [UInt8], atMost limit: Int) throws(SystemError) -> IOOutcome {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: limit))
        let result = unsafe bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(SystemError) in
                // SAFETY: good for the closure, and not kept.
                try unsafe receive(into: UnsafeMutableRawBufferPointer(rebasing: buffer[start...]))
            }
        }
        var received = 0
        if case .success(.bytes(let count)) = result { received = count }
        bytes.removeLast(limit - received)
        return try result.get()
    }

    /// Sends an array, or as much of it as goes now. The C function is `send`.
    public func send(all bytes: [UInt8]) throws(SystemError) -> IOOutcome {
        // SAFETY: the array lives for the call.
        try unsafe send(bytes.span.bytes)
    }
}
