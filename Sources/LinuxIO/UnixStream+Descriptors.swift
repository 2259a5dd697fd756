import CLinux
import SystemPackage

/// Passing descriptors (`SCM_RIGHTS`, `unix(7)`).
extension UnixStream {
    /// Receives bytes and the descriptors that came with them, closed on `exec`.
    ///
    /// The kernel ends a piece before the next bytes that bring descriptors, so those of two messages are never mixed
    /// by one call. The corresponding C function is `recvmsg(2)` with `MSG_CMSG_CLOEXEC`, called once.
    ///
    /// - Parameters:
    ///   - buffer: filled from its start; at least one byte of room.
    ///   - descriptors: the new ones are added at its end, as many as there is room for.
    /// - Returns: `bytes`, `wouldBlock`, `endOfFile` or `reset`; and whether more descriptors were sent than are in the
    ///   list now, because it was full or the process may open no more. The kernel has closed those.
    /// - Throws: ``SystemError``; the list is unchanged then.
    public func receive(
        into buffer: UnsafeMutableRawBufferPointer, descriptors: inout DescriptorList
    ) throws(SystemError) -> (outcome: IOOutcome, descriptorsTruncated: Bool) {
        // Without a byte of room, recvmsg(2) returns 0 as at the end of the file.
        guard buffer.count > 0 else { return (.bytes(0), false) }
        var numbers = InlineArray<32, Int32>(repeating: -1)
        var count = 0
        var isTruncated = false
        let room = DescriptorList.capacity - descriptors.count
        var span = numbers.mutableSpan
        let result = unsafe span.withUnsafeMutableBufferPointer { slots in
            // SAFETY: room <= 32, the number of slots; the caller's buffer is good for `count` bytes.
            retryingOnInterrupt {
                unsafe clinux_receive_with_descriptors(
                    rawValue, buffer.baseAddress, buffer.count, slots.baseAddress, room, &count, &isTruncated)
            }
        }
        for index in 0..<count {
            descriptors.append(OwnedFileDescriptor(adopting: numbers[index]))
        }
        return (try Self.receiveOutcome(result, "recvmsg"), isTruncated)
    }

    /// Sends bytes and, with the first of them, descriptors. The corresponding C function is `sendmsg(2)`, called once.
    ///
    /// - Parameters:
    ///   - bytes: at least one when there are descriptors.
    ///   - descriptors: borrowed, at most 253; the receiver gets its own copies.
    /// - Returns: `bytes`, `wouldBlock` or `reset`. When it is `bytes`, even fewer than given, every descriptor is on
    ///   its way: send the rest of the bytes without them.
    /// - Throws: ``SystemError``; `EBADF` when one is not open, `ETOOMANYREFS` when too many are on their way, `EINVAL`
    ///   for a wrong number.
    public func send(_ bytes: UnsafeRawBufferPointer, descriptors: [Int32]) throws(SystemError) -> IOOutcome {
        let result = unsafe descriptors.withUnsafeBufferPointer { numbers in
            // SAFETY: both buffers are good for their counts during the call.
            retryingOnInterrupt {
                unsafe clinux_send_with_descriptors(
                    rawValue, bytes.baseAddress, bytes.count, numbers.baseAddress, numbers.count)
            }
        }
        return try Self.sendOutcome(result, "sendmsg")
    }
}
