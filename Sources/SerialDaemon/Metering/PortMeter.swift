/// What is measured of a port beside its bytes. One writer, the device thread.
struct PortMeter: Equatable {
    /// Bytes of the guest that wait for the client.
    var toHost = StallMeter()
    /// Bytes of the client that wait for buffers of the guest.
    var toGuest = StallMeter()
    /// From the kick to the moment when everything that the guest had offered was handed on.
    var latency = LatencyHistogram()
    /// When the kick came whose chains are not all handed on yet, in monotonic nanoseconds.
    var kickedAt: UInt64?
    /// Until when the guest is expected to open the port, in monotonic nanoseconds; nil when it did, or need not.
    var openDeadline: UInt64?
}
