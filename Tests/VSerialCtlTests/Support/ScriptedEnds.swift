import Glibc
import LinuxIO

@testable import vserialctl

/// Two ends of a socket: one for the relay, the other for the test.
func socketEnds() throws -> (relay: SocketEnd, peer: PortPeer) {
    let pair = try UnixStream.pair()
    return (SocketEnd(pair.first), PortPeer(pair.second))
}

/// Splitmix64: the same bytes for the same seed, everywhere.
func randomBytes(seed: UInt64, count: Int) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return UInt8(truncatingIfNeeded: value >> 56)
    }
}

/// A stream with time limits, and the guest at its other end.
final class StreamEnds: @unchecked Sendable {
    let stream: TimedStream
    let peer: PortPeer

    init() throws {
        let pair = try UnixStream.pair()
        stream = TimedStream(pair.first)
        peer = PortPeer(pair.second)
    }
}

func streamEnds() throws -> StreamEnds { try StreamEnds() }
