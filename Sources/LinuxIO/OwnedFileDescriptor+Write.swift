import Glibc
import SystemPackage

/// Regular files, which take all that they are given, or say why not.
extension OwnedFileDescriptor {
    /// Writes bytes, in as many calls as it takes. The corresponding C function is `write(2)`.
    ///
    /// - Parameters:
    ///   - bytes: what to write some or all of.
    ///   - position: the first of them; afterwards the first that was not written, also when this throws.
    ///   - end: behind the last of them; at most as many as there are.
    /// - Throws: ``SystemError``; `ENOSPC` when the disk is full.
    public func write(_ bytes: [UInt8], from position: inout Int, to end: Int) throws(SystemError) {
        while position < end {
            let start = position
            let result = unsafe bytes.withUnsafeBytes { buffer in
                // SAFETY: `start` to `end` of the array, which lives for the call.
                retryingOnInterrupt {
                    unsafe Glibc.write(rawValue, buffer.baseAddress?.advanced(by: start), end - start)
                }
            }
            switch result {
            case .success(let count) where count > 0: position += count
            // A regular file never takes nothing without a reason.
            case .success: throw SystemError(call: "write", errno: .ioError)
            case .failure(let errno): throw SystemError(call: "write", errno: errno)
            }
        }
    }

    /// Writes all of them.
    ///
    /// - Throws: ``SystemError``, with an unknown part of them written.
    public func write(_ bytes: [UInt8]) throws(SystemError) {
        var position = 0
        try write(bytes, from: &position, to: bytes.count)
    }
}
