import Glibc
import LinuxIO
import Testing
import VirtioTestSupport

/// One queue of the guest's driver: a driver of either layout that gives its buffers back, and the three eventfds.
///
/// It keeps the rules of a driver and checks those of a device: chains are used once and in the order they were
/// offered, nothing is written into a readable one, and no more into a writable one than it has.
final class GuestQueue {
    struct Chain {
        var id: UInt16
        /// Where its first descriptor is.
        var slot: Int
        var descriptorCount: Int
        /// Where the writable bytes are; none in a readable chain.
        var writable: [(address: UInt64, byteCount: Int)]
        var readableByteCount: Int
    }

    let index: Int
    let hasEventIndex: Bool
    private(set) var ring: any RingDriver
    private(set) var kick: EventFileDescriptor
    private(set) var call: EventFileDescriptor
    private(set) var error: EventFileDescriptor
    /// Chains that the device has, oldest first.
    private(set) var inFlight: [Chain] = []
    /// Where buffers lie: from behind the ring to the end of the queue's part of the memory.
    private let base: UInt64
    private let end: UInt64
    private let firstBuffer: UInt64

    /// The part of guest memory that one queue has.
    static let byteCount: UInt64 = 1 << 20

    init(_ index: Int, memory: TestMemory, size: Int, base: UInt64, hasEventIndex: Bool) throws {
        self.index = index
        self.hasEventIndex = hasEventIndex
        self.base = base
        end = base + Self.byteCount
        ring = TestRings.makeDriver(memory: memory, size: size, base: base, startingAt: TestRings.freshBase)
        firstBuffer = ring.nextBuffer
        kick = try EventFileDescriptor()
        call = try EventFileDescriptor()
        error = try EventFileDescriptor()
        wantCalls()
    }

    /// The driver begins anew, with a ring that has nothing in it.
    func reset(startingAt position: UInt32 = TestRings.freshBase) {
        ring = TestRings.makeDriver(memory: ring.memory, size: ring.size, base: base, startingAt: position)
        inFlight = []
        wantCalls()
    }

    /// The driver, for what can only be said of a split ring.
    var splitDriver: MockDriver {
        guard let driver = ring as? MockDriver else { preconditionFailure("the ring is packed") }
        return driver
    }

    // MARK: Offering

    var freeDescriptorCount: Int {
        ring.size - inFlight.reduce(0) { $0 + $1.descriptorCount }
    }

    /// Offers bytes to be taken.
    func write(_ bytes: [UInt8]) { write(pieces: [bytes]) }

    /// Offers bytes to be taken, in as many buffers as there are pieces.
    func write(pieces: [[UInt8]]) {
        let places = pieces.map { (allocate($0.count), $0.count) }
        for (place, piece) in zip(places, pieces) {
            ring.memory.write(piece, at: place.0)
        }
        offer(places, flags: 0)
    }

    /// Offers bytes to be taken, by way of an indirect table.
    func writeIndirect(_ pieces: [[UInt8]]) {
        let descriptors = pieces.map { piece in
            let address = allocate(piece.count)
            ring.memory.write(piece, at: address)
            return MockDriver.RawDescriptor(address: address, length: UInt32(piece.count))
        }
        let (id, slot) = ring.offerIndirect(descriptors)
        inFlight.append(
            Chain(
                id: id, slot: slot, descriptorCount: 1, writable: [],
                readableByteCount: pieces.reduce(0) { $0 + $1.count }))
    }

    /// Offers one chain with room for bytes.
    func offer(_ byteCounts: Int...) { offer(byteCounts) }

    func offer(_ byteCounts: [Int]) {
        offer(byteCounts.map { (allocate($0), $0) }, flags: MockDriver.write)
    }

    private func offer(_ places: [(UInt64, Int)], flags: UInt16) {
        precondition(places.count <= freeDescriptorCount, "the test offers more than the ring holds")
        let (id, slot) = ring.offer(
            places.map { MockDriver.RawDescriptor(address: $0.0, length: UInt32($0.1), flags: flags) })
        let isWritable = flags == MockDriver.write
        inFlight.append(
            Chain(
                id: id, slot: slot, descriptorCount: places.count, writable: isWritable ? places : [],
                readableByteCount: isWritable ? 0 : places.reduce(0) { $0 + $1.1 }))
    }

    private func allocate(_ byteCount: Int) -> UInt64 {
        if ring.nextBuffer + UInt64(byteCount) + 8 > end {
            ring.nextBuffer = firstBuffer
        }
        return ring.allocate(byteCount)
    }

    /// Kicks, if the device wants to be kicked for what was offered since the last time.
    func notify() throws {
        if ring.needsKick(eventIndex: hasEventIndex) {
            try kick.signal()
        }
    }

    // MARK: Taking back

    /// Takes back what the device has used: the bytes written into each chain.
    @discardableResult
    func reap() -> [[UInt8]] {
        let entries = ring.takeUsedEntries()
        if entries.count > inFlight.count {
            Issue.record("queue \(index): the device has used \(entries.count) of \(inFlight.count) chains")
        }
        defer { wantCalls() }
        return entries.prefix(inFlight.count).map { entry in
            let chain = inFlight.removeFirst()
            #expect(entry.id == UInt32(chain.id), "queue \(index): used out of order")
            let room = chain.writable.reduce(0) { $0 + $1.byteCount }
            #expect(Int(entry.length) <= room, "queue \(index): more is used than there was room for")
            var bytes: [UInt8] = []
            for place in chain.writable {
                bytes += ring.memory.read(min(place.byteCount, Int(entry.length) - bytes.count), at: place.address)
            }
            return bytes
        }
    }

    /// How many bytes the readable chains have that the device has not used.
    var unusedByteCount: Int { inFlight.reduce(0) { $0 + $1.readableByteCount } }

    /// Asks for a call for the next used chain.
    private func wantCalls() {
        guard hasEventIndex else { return }
        ring.wantNextCall()
    }

    /// Whether the device has called since the last look.
    func wasCalled() throws -> Bool { try call.drain() }

    /// Whether the device has reported an error since the last look.
    func isReportedBroken() throws -> Bool { try error.drain() }

    // MARK: The front-end's part

    func replaceKick() throws -> EventFileDescriptor {
        var former = try EventFileDescriptor()
        swap(&former, &kick)
        return former
    }

    func replaceCall() throws -> EventFileDescriptor {
        var former = try EventFileDescriptor()
        swap(&former, &call)
        return former
    }

    func replaceError() throws -> EventFileDescriptor {
        var former = try EventFileDescriptor()
        swap(&former, &error)
        return former
    }
}

extension TestMemory {
    /// Many bytes at once, past the mapping: the file is the same memory.
    func write(_ bytes: [UInt8], at guest: UInt64) {
        guard !bytes.isEmpty else { return }
        let count = unsafe pwrite(file.rawValue, bytes, bytes.count, off_t(filePosition(guest)))
        precondition(count == bytes.count)
    }

    func read(_ byteCount: Int, at guest: UInt64) -> [UInt8] {
        guard byteCount > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: byteCount)
        let count = unsafe pread(file.rawValue, &bytes, byteCount, off_t(filePosition(guest)))
        precondition(count == byteCount)
        return bytes
    }

    private func filePosition(_ guest: UInt64) -> UInt64 {
        guard let region = regions.first(where: { guest >= $0.guestBase && guest - $0.guestBase < $0.byteCount }) else {
            preconditionFailure("the test addresses no memory: \(guest)")
        }
        return guest - region.guestBase + region.fileOffset
    }
}
