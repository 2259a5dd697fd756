import Glibc
import LinuxIO
import Testing
import Virtio
import VirtioTestSupport

@testable import VhostUser

/// A front-end and a back-end on one socket, each having its turn: what the one says is all handled before it goes on.
///
/// The back-end does what the owner of a ``VhostUserSession`` has to do, with rings that only have a position.
struct Conversation: ~Copyable {
    static let queueCount = 8
    static let features: UInt64 = 1 << 32 | 1 << 29 | 1 << 28 | 3
    /// With RING_PACKED, which the device offers only when it is configured to.
    static let packedFeatures = features | 1 << 34
    static let allProtocolFeatures: UInt64 =
        1 << 0 | 1 << 3 | 1 << 5 | 1 << 9 | 1 << 13 | 1 << 15 | 1 << 16 | 1 << 21

    /// Without GPA_ADDRESSES: ring addresses are the front-end's own, as most front-ends have it.
    static let usualProtocolFeatures = allProtocolFeatures & ~(1 << 21)

    let frontend: FakeFrontend
    var channel: MessageChannel
    var session: VhostUserSession

    /// The rings that run, and where they are.
    var running: [Int: UInt32] = [:]
    /// Why rings do not run that could.
    var broken: [Int: VirtqueueError] = [:]
    /// Every effect and every refusal so far.
    var effects: [SessionEffect] = []
    var refusals: [ProtocolError] = []
    var config: [UInt8] = [80, 0, 25, 0, 3, 0, 0, 0, 0, 0, 0, 0]

    /// Begins one in which nothing was said yet.
    init(
        queueCount: Int = Conversation.queueCount, maximumQueueSize: UInt16 = 1024,
        features: UInt64 = Conversation.features
    ) throws {
        let sockets = makeSocketPair()
        frontend = FakeFrontend(UnixStream(adopting: OwnedFileDescriptor(adopting: sockets.first)))
        channel = MessageChannel(UnixStream(adopting: OwnedFileDescriptor(adopting: sockets.second)))
        session = VhostUserSession(
            DeviceOffer(
                features: VirtioFeatures(rawValue: features), queueCount: queueCount,
                maximumQueueSize: maximumQueueSize, configByteCount: 12))
    }

    /// Begins one in which both sides have agreed on nearly everything that can be agreed on.
    static func negotiated(
        protocolFeatures: UInt64 = Conversation.usualProtocolFeatures, queueCount: Int = Conversation.queueCount,
        features: UInt64 = Conversation.features
    ) throws -> Conversation {
        var conversation = try Conversation(queueCount: queueCount, features: features)
        #expect(try conversation.say(.setProtocolFeatures(protocolFeatures)) == nil)
        #expect(try conversation.say(.setFeatures(features | 1 << 30)) == nil)
        return conversation
    }

    /// Sends a message, lets the back-end handle it, and returns the answer, or nil when there is none.
    mutating func say(_ message: FakeMessage) throws -> FakeFrontend.Answer? {
        try frontend.send(message)
        try serve()
        return frontend.isQuiet ? nil : try frontend.receive()
    }

    /// Handles all that was sent.
    mutating func serve() throws {
        while true {
            switch try channel.receive() {
            case .message(let message): try handle(message)
            case .needMore: return
            case .closed: throw FakeFrontend.Failure.closed
            }
        }
    }

    private mutating func handle(_ message: consuming ReceivedMessage) throws {
        let header = message.header
        var succeeded = true
        do {
            let effect = try session.apply(MessageDecoder.decode(message))
            effects.append(effect)
            try perform(effect)
        } catch let error as ProtocolError {
            refusals.append(error)
            succeeded = false
        }
        if let reply = session.acknowledgement(for: header, succeeded: succeeded) {
            try channel.send(reply)
        }
    }

    private mutating func perform(_ effect: SessionEffect) throws {
        switch effect {
        case .none: break
        case .reply(let reply): try channel.send(reply)
        case .ringChanged(let index): compare(index)
        case .allRingsChanged, .reset: (0..<VhostUserSession.ringCount).forEach { compare($0) }
        case .memoryChanged:
            for (index, position) in running {
                session.ringStopped(index, base: position)
            }
            running = [:]
            (0..<VhostUserSession.ringCount).forEach { compare($0) }
        case .stopRing(let index):
            stop(index)
            try channel.send(session.answerVringBase(index))
        case .readConfig(let offset, let byteCount):
            try channel.send(.config(offset: offset, byteCount: byteCount, bytes: Array(config[offset...])))
        case .writeConfig(let offset, let bytes, _):
            config.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        }
    }

    private mutating func compare(_ index: Int) {
        guard session.vring(index).isRunnable else { return stop(index) }
        guard running[index] == nil else { return }
        do {
            running[index] = try session.activate(index).base
            broken[index] = nil
        } catch {
            broken[index] = error
        }
    }

    private mutating func stop(_ index: Int) {
        guard let position = running.removeValue(forKey: index) else { return }
        session.ringStopped(index, base: position)
    }
}

extension FakeFrontend.Answer {
    /// The answer that says yes, or no, to a request without an answer of its own.
    static func acknowledgement(_ request: UInt32, succeeded: Bool) -> FakeFrontend.Answer {
        FakeFrontend.Answer(to: request, payload: pack(UInt64(succeeded ? 0 : 1)))
    }
}

// MARK: - A ring that runs

/// The guest's side of the rings of a ``Conversation``: memory of zeros, which is that of rings nothing was offered in.
struct RingMemory {
    static let guestBase: UInt64 = 0x10_0000
    static let userBase: UInt64 = 0x7f00_0000_0000
    static let byteCount: UInt64 = 0x10_0000
    static let region = FakeRegion(guestBase: guestBase, byteCount: byteCount, userBase: userBase)

    /// A ring of the usual tests, at a place of its own.
    static func ring(_ index: Int, size: UInt32 = 64, base: UInt32 = 0, space: UInt64 = userBase) -> QEMUScript.Ring {
        let start = space + UInt64(index) * 0x4000
        return QEMUScript.Ring(
            size: size, base: base, descriptors: start, available: start + 0x1000, used: start + 0x2000)
    }
}

/// The fds that a front-end holds for a ring; the back-end gets copies.
final class RingDescriptors {
    let kick: EventFileDescriptor
    let call: EventFileDescriptor
    let error: EventFileDescriptor

    init() throws {
        kick = try EventFileDescriptor()
        call = try EventFileDescriptor()
        error = try EventFileDescriptor()
    }
}

extension FakeMessage {
    static func setVringAddr(_ index: UInt32, _ ring: QEMUScript.Ring) -> FakeMessage {
        .setVringAddr(index, descriptors: ring.descriptors, used: ring.used, available: ring.available)
    }
}

extension Conversation {
    /// Gives the back-end memory, if it has none, and brings ring `index` to run at `base`.
    @discardableResult
    mutating func startRing(_ index: Int, base: UInt32 = 0) throws -> RingDescriptors {
        if session.memory.regionCount == 0 {
            try giveMemory()
        }
        let descriptors = try RingDescriptors()
        let number = UInt32(index)
        for message in [
            .setVringNum(number, 64), .setVringBase(number, base), .setVringAddr(number, RingMemory.ring(index)),
            .setVringKick(UInt64(index), descriptors.kick.rawValue),
            .setVringCall(UInt64(index), descriptors.call.rawValue),
            .setVringErr(UInt64(index), descriptors.error.rawValue), .setVringEnable(number, 1),
        ] as [FakeMessage] {
            #expect(try say(message.needingReply)?.value == 0)
        }
        return descriptors
    }

    mutating func giveMemory() throws {
        let file = try OwnedFileDescriptor.memory(named: "rings", byteCount: RingMemory.byteCount)
        #expect(try say(.addMemReg(RingMemory.region, file.rawValue).needingReply)?.value == 0)
    }
}

/// Whether a ring's kick, as the session has it, was signalled since the last time.
func takeKick(_ descriptor: Int32?) -> Bool {
    var count: UInt64 = 0
    return unsafe read(descriptor ?? -1, &count, MemoryLayout<UInt64>.size) == MemoryLayout<UInt64>.size
}
