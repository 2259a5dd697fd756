import DriverTestSupport
import MachineTestSupport

/// Bytes that move on one port, between the guest's driver and a client.
final class Traffic {
    /// What moves.
    struct Kind {
        /// Of the guest's buffers.
        var bufferByteCount = 4096
        /// Whether every byte is compared, both ways.
        var isVerified = true
        var guestSends = true
        var clientSends = true
        var clientReads = true

        static let verified = Kind()
        /// As fast as it goes, to the client only.
        static let bulkToHost = Kind(bufferByteCount: 32768, isVerified: false, clientSends: false)
    }

    let client: StreamClient
    let port: DriverPort
    private(set) var kind: Kind
    private var isSending = false

    /// How much of the pattern is made for one send: more than the socket takes would be made again.
    private static let sendByteCount = 16384

    init(_ port: DriverPort, _ client: StreamClient, _ kind: Kind = .verified) throws {
        self.port = port
        self.client = client
        self.kind = kind
        try start()
    }

    private func start() throws {
        client.restart()
        try port.prepare(byteCount: kind.bufferByteCount, reception: kind.isVerified ? .verify : .count)
        if kind.guestSends { try port.startSending(verifying: kind.isVerified) }
        isSending = true
    }

    /// Whether the client could go on if there were room in its socket.
    var waitsForRoom: Bool { isSending && kind.clientSends && client.isFull }

    /// Both ways.
    var movedByteCount: UInt64 { client.receivedByteCount + port.receivedByteCount }

    /// The client's half of a turn; the guest's is its driver's. Returns whether there was anything to do.
    func turn() throws -> Bool {
        var count = 0
        if kind.clientReads { count += try client.receive(verifying: kind.isVerified) }
        if isSending, kind.clientSends { count += try client.send(upTo: Self.sendByteCount) }
        return count > 0
    }

    /// Sends no more, either way; the client reads what comes still.
    func stop() {
        isSending = false
        kind.clientReads = true
        port.stopSending()
    }

    /// Whether everything that was sent has arrived, once nothing more is.
    var hasAllArrived: Bool {
        port.outstandingCount == 0 && client.receivedByteCount == port.sentByteCount
            && port.receivedByteCount == client.sentByteCount
    }

    /// Fails when a byte was lost, doubled or moved.
    func check() throws {
        if let place = client.mismatch { throw Failure("port \(port.number): byte \(place) to the host is wrong") }
        if let place = port.mismatch { throw Failure("port \(port.number): byte \(place) to the guest is wrong") }
        try expect(!client.hasEnded, "port \(port.number): the daemon has ended the client's connection")
    }
}
