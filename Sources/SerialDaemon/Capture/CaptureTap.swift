import LinuxIO
import Synchronization
import Virtio
import VirtioConsole

/// One capture's way from the device thread, which sees the bytes, to the control thread, which writes them somewhere.
///
/// Packets are put into their final form where they are seen, so that the other side has only to write. What waits is
/// bounded: a packet that finds no room is counted as lost, and the guest notices nothing.
///
/// A guest can change a buffer that it has given away while it is sent: a capture then shows what was there a moment
/// later.
///
/// ## Concurrency
/// The device thread appends, the control thread takes.
package final class CaptureTap: Sendable {
    /// The most bytes that wait to be written to a file.
    static let fileCapacity = 4 << 20

    /// One interface of the file.
    struct Interface: Sendable {
        let name: String
        let linkType: CaptureFormat.LinkType
        /// Before the bytes of each packet, by direction.
        let toHostHeader: [UInt8]
        let toGuestHeader: [UInt8]
    }

    let number: Int
    /// The ports' interfaces, by port number.
    let ports: [Int: Int]
    /// That of the vhost-user messages; nil when they are left out.
    let frontend: Int?
    let interfaces: [Interface]
    /// How many bytes of each packet are kept.
    let snapLength: Int
    /// How long a file must be allowed to be for a packet of no bytes.
    let smallestFileByteCount: Int

    private struct Waiting {
        var bytes: [UInt8] = []
        var packetCount: UInt64 = 0
        /// Since the beginning.
        var lostCount: UInt64 = 0
    }

    private let capacity: Int
    private let waiting = Mutex(Waiting())
    private let event: EventFileDescriptor

    /// Makes a tap.
    ///
    /// - Parameters:
    ///   - number: what it is called by.
    ///   - ports: names by port number.
    ///   - hasFrontend: whether the vhost-user messages are captured too.
    ///   - snapLength: how many bytes of each packet are kept at most.
    ///   - fileByteCount: how long a file may be: what has no room in an empty one is not kept of a packet.
    ///   - capacity: the most bytes that wait.
    ///   - event: signalled when something begins to wait; of its own.
    init(
        number: Int, ports: [(number: Int, name: String)], hasFrontend: Bool, snapLength: Int, fileByteCount: Int,
        capacity: Int, event: consuming EventFileDescriptor
    ) {
        self.number = number
        self.capacity = capacity
        self.event = event
        var interfaces = ports.map { Interface(port: $0.name) }
        self.ports = Dictionary(uniqueKeysWithValues: ports.enumerated().map { ($1.number, $0) })
        frontend = hasFrontend ? interfaces.count : nil
        if hasFrontend {
            interfaces.append(
                Interface(name: "vhost-user", linkType: .user0, toHostHeader: [], toGuestHeader: []))
        }
        self.interfaces = interfaces
        let longestHeader = interfaces.map(\.toHostHeader.count).max() ?? 0
        smallestFileByteCount =
            Self.fileHeader(interfaces, snapLength: 0).count + CaptureFormat.packetByteCount(longestHeader)
            + CaptureFormat.statisticsByteCount
        // Blocks are made of words.
        let room = max(0, fileByteCount - smallestFileByteCount) & ~3
        self.snapLength = min(snapLength, room)
    }

    /// The beginning of every file of the capture.
    var fileHeader: [UInt8] { Self.fileHeader(interfaces, snapLength: snapLength) }

    private static func fileHeader(_ interfaces: [Interface], snapLength: Int) -> [UInt8] {
        interfaces.reduce(CaptureFormat.sectionHeader(program: "vhost-user-serial \(DaemonVersion.text)")) {
            // The tags before a port's bytes are never cut.
            $0
                + CaptureFormat.interface(
                    name: $1.name, linkType: $1.linkType, snapLength: UInt32(snapLength + $1.toHostHeader.count))
        }
    }

    // MARK: The device thread's end

    /// Bytes have been moved: the first `byteCount` of the pieces.
    func capture(
        _ vectors: borrowing IOVectors, byteCount: Int, direction: CaptureFormat.Direction, interface index: Int
    ) {
        unsafe append(byteCount: byteCount, direction: direction, interface: index) { target in
            // SAFETY: both are good for the call; what is copied is not looked at.
            _ = unsafe vectors.copyBytes(into: target)
        }
    }

    /// The same of bytes of our own.
    func capture(_ bytes: [UInt8], direction: CaptureFormat.Direction, interface index: Int) {
        unsafe append(byteCount: bytes.count, direction: direction, interface: index) { target in
            // SAFETY: room for as many bytes as are taken.
            unsafe target.copyBytes(from: bytes.prefix(target.count))
        }
    }

    private func append(
        byteCount: Int, direction: CaptureFormat.Direction, interface index: Int,
        fill: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        let interface = interfaces[index]
        let header = direction == .toHost ? interface.toHostHeader : interface.toGuestHeader
        let keptCount = min(byteCount, snapLength)
        let time = WallClock.now()
        let wasEmpty = waiting.withLock { waiting in
            guard waiting.bytes.count + keptCount <= capacity else {
                waiting.lostCount += 1
                return false
            }
            let wasEmpty = waiting.bytes.isEmpty
            unsafe CaptureFormat.appendPacket(
                to: &waiting.bytes, interface: UInt32(index), time: time, direction: direction, header: header,
                byteCount: byteCount, keptCount: keptCount, fill: fill)
            waiting.packetCount += 1
            return wasEmpty
        }
        if wasEmpty { event.signalOwn() }
    }

    // MARK: The control thread's end

    /// Readable when something waits. Borrowed.
    var descriptor: Int32 { event.rawValue }

    /// What waits: whole blocks, and how many packets they are.
    func take() -> (blocks: [UInt8], packetCount: UInt64) {
        event.drainOwn()
        return waiting.withLock { waiting in
            defer {
                waiting.bytes = []
                waiting.packetCount = 0
            }
            return (waiting.bytes, waiting.packetCount)
        }
    }

    /// How many packets found no room.
    var lostCount: UInt64 {
        waiting.withLock { $0.lostCount }
    }
}

extension CaptureTap.Interface {
    /// A port's. The guest agent speaks JSON, which Wireshark can read; of others nothing is known.
    fileprivate init(port name: String) {
        let dissector = name == "org.qemu.guest_agent.0" ? "json" : "data"
        func header(_ direction: CaptureFormat.Direction) -> [UInt8] {
            CaptureFormat.exportedHeader(dissector: dissector, column: name, direction: direction)
        }
        self.init(
            name: name, linkType: .exportedPDU, toHostHeader: header(.toHost), toGuestHeader: header(.toGuest))
    }
}
