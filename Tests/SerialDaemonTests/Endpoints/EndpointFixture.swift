import Glibc
import LinuxIO
import SystemPackage
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon
@testable import Virtio

/// An endpoint with its listener in a directory of its own, and memory to move bytes from and to; a class, because
/// `#expect` cannot look into a value that is not copyable.
final class EndpointFixture {
    private var endpoint: PortEndpoint
    private let directory: TemporaryDirectory
    let address: UnixAddress

    init(
        _ clientsAbsent: ClientsAbsent = .block, isConsole: Bool = false, bufferByteCount: Int = 16,
        scrollbackByteCount: Int = 0
    ) throws {
        directory = try TemporaryDirectory()
        address = .path("\(directory.path)/port")
        var configuration = PortConfiguration(
            name: "port", number: 1, isConsole: isConsole, endpoint: .listener(address), size: nil,
            resizeOrder: .columnsFirst,
            clientsAbsent: clientsAbsent, bufferByteCount: bufferByteCount, guestClose: .keep,
            lingerNanoseconds: nil)
        configuration.scrollbackByteCount = scrollbackByteCount
        endpoint = PortEndpoint(
            configuration, binding: .listener(try UnixListener.bind(to: address, mode: 0o600)))
    }

    /// A client that has connected and was accepted.
    func connect() throws -> UnixStream {
        let stream = try UnixStream.connect(to: address)
        #expect(try accept())
        return stream
    }

    func accept() throws -> Bool { try endpoint.accept() == .client }
    func disconnect() { endpoint.disconnect() }
    var client: PortEndpoint.Client? {
        get { endpoint.client }
        set { endpoint.client = newValue }
    }
    var hasClient: Bool { endpoint.hasClient }
    var route: PortEndpoint.Route { endpoint.route }
    var isOpenForGuest: Bool { endpoint.isOpenForGuest }
    var tellsGuestOfClients: Bool { endpoint.tellsGuestOfClients }
    var mayHaveBytes: Bool { endpoint.mayHaveBytes }
    var replayByteCount: Int { endpoint.replayByteCount }
    var unreadByteCount: Int { endpoint.unreadByteCount }
    var owesClientClose: Bool {
        get { endpoint.owesClientClose }
        set { endpoint.owesClientClose = newValue }
    }
    var clientDescriptor: Int32? { endpoint.inputDescriptor }
    var listenerDescriptor: Int32? { endpoint.arrivalDescriptor }
    func shutdownSend() throws { try endpoint.endSending() }

    /// Calls `body` with vectors over a copy of `bytes`; returns what `body` did, and the bytes afterwards.
    private func withVectors<Value>(
        _ bytes: [UInt8], _ body: (borrowing IOVectors) throws -> Value
    ) rethrows -> (Value, [UInt8]) {
        let storage = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + 1, alignment: 1)
        defer { unsafe storage.deallocate() }
        unsafe storage.copyBytes(from: bytes)
        var vectors = IOVectors(capacity: 4)
        if !bytes.isEmpty {
            _ = unsafe vectors.append(UnsafeMutableRawBufferPointer(rebasing: storage[..<bytes.count]))
        }
        let value = try body(vectors)
        return (value, unsafe Array(storage[..<bytes.count]))
    }

    func send(_ bytes: [UInt8]) throws -> Int { try withVectors(bytes) { try endpoint.send($0) }.0 }
    func copyToHost(_ bytes: [UInt8]) { _ = withVectors(bytes) { endpoint.copyToHost($0, byteCount: bytes.count) } }
    func keep(_ bytes: [UInt8]) -> Int { withVectors(bytes) { endpoint.keep($0) }.0 }
    func sendReplay() throws { try endpoint.sendReplay() }
    func takeEmergency(_ character: UInt8) throws -> Int { try endpoint.takeEmergency(character) }
    func fail(_ error: SystemError) { endpoint.fail(error) }
    var hasSentAll: Bool { endpoint.hasSentAll }
    func receive(roomFor byteCount: Int) throws -> [UInt8] {
        let (count, bytes) = try withVectors([UInt8](repeating: 0, count: byteCount)) { try endpoint.receive(into: $0) }
        return Array(bytes.prefix(count))
    }

    /// Sends until the client's socket takes no more; returns how many bytes it took.
    func fill() throws -> Int {
        var total = 0
        while client?.isWritable == true { total += try send([UInt8](repeating: 0x55, count: 4096)) }
        return total
    }
}

/// The client's end: what a program does with its socket.
extension UnixStream {
    func write(_ bytes: [UInt8]) throws {
        #expect(try unsafe bytes.withUnsafeBytes { try unsafe send($0, descriptors: []) } == .bytes(bytes.count))
    }

    func read(_ most: Int = 1 << 20) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: most)
        let outcome = try unsafe bytes.withUnsafeMutableBytes { try unsafe receive(into: $0) }
        guard case .bytes(let count) = outcome else { return [] }
        return Array(bytes.prefix(count))
    }

    var isAtItsEnd: Bool {
        get throws {
            var byte: UInt8 = 0
            return try unsafe withUnsafeMutableBytes(of: &byte) { try unsafe receive(into: $0) } == .endOfFile
        }
    }

    /// Closes, and waits until the other end sees it: a process that another test is just starting may hold a copy of
    /// every descriptor for the moment between fork(2) and exec(2).
    consuming func close(seenBy other: Int32?) {
        drop(self)
        var entry = pollfd(fd: other ?? -1, events: 0, revents: 0)
        #expect(unsafe poll(&entry, 1, 10_000) == 1)
    }
}

func drop<Value: ~Copyable>(_ value: consuming Value) {}
