import Glibc
import LinuxIO
import Testing

@testable import vserialctl

@Suite("forward")
struct ForwardTests {
    @Test func connectsForEachOpeningAndCarriesBothWays() throws {
        let port = try ServedPort()
        let target = try FakePort()
        let tool = try port.start("forward", "unix:\(target.path)")
        for seed in [1, 2] as [UInt64] {
            port.guest(opens: true)
            let peer = try target.accept()
            let guest = try port.socket.accept()
            let request = randomBytes(seed: seed, count: 300_000)
            let response = randomBytes(seed: seed + 10, count: 300_000)
            let speaker = try spawn { try? guest.say(request) }
            #expect(try peer.hear(request.count) == request)
            speaker.join()
            let answerer = try spawn {
                try? peer.say(response)
                // It still listens.
                try? peer.hangUp()
            }
            #expect(try guest.hearRest() == response)
            answerer.join()
            try guest.say("more")
            #expect(try peer.hear(4) == Array("more".utf8))
            // More than is there when the event comes.
            let last = randomBytes(seed: seed + 20, count: 400_000)
            let writer = try spawn { try? guest.say(last) }
            let first = try peer.hear(1)
            port.guest(opens: false)
            #expect(try first + peer.hearRest() == last)
            writer.join()
        }
        #expect(try port.end(tool).code == 128 + SIGTERM)
    }

    @Test func aTargetThatIsNotThereClosesTheHostsEnd() throws {
        let port = try ServedPort(isOpen: true)
        let tool = try port.start("forward", "unix:@vserialctl-nobody-\(getpid())")
        #expect(try port.socket.accept().hearRest().isEmpty)
        try tool.waitForErrors("Connection refused\n")
        _ = try port.end(tool)
    }

    @Test func connectsOverTCP() throws {
        let listener = try LoopbackListener()
        let port = try ServedPort(isOpen: true)
        let tool = try port.start("forward", "tcp:127.0.0.1:\(listener.port)")
        let peer = try listener.accept()
        let guest = try port.socket.accept()
        try guest.say("ping")
        #expect(try peer.hear(4) == Array("ping".utf8))
        try peer.say("pong")
        #expect(try guest.hear(4) == Array("pong".utf8))
        _ = try port.end(tool)
    }
}

/// Listens on a TCP port of this machine.
private final class LoopbackListener {
    let port: UInt16
    private let socket: OwnedFileDescriptor

    init() throws {
        let number = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try #require(number >= 0)
        socket = OwnedFileDescriptor(adopting: number)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let outcome = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe [bind(number, generic, length), listen(number, 4), getsockname(number, generic, &length)]
            }
        }
        try #require(outcome == [0, 0, 0])
        port = UInt16(bigEndian: address.sin_port)
    }

    func accept() throws -> PortPeer {
        var entry = pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0)
        try #require(unsafe poll(&entry, 1, SpawnedTool.patienceMilliseconds) == 1, "nobody connected")
        let number = Glibc.accept(socket.rawValue, nil, nil)
        try #require(number >= 0)
        return PortPeer(UnixStream(adopting: OwnedFileDescriptor(adopting: number)))
    }
}
