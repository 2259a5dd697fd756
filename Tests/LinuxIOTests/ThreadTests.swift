import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("Thread")
struct ThreadTests {
    /// The name the kernel has for the calling thread.
    static func currentName() -> String {
        let file = unsafe open("/proc/thread-self/comm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = unsafe read(file, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(count - 1, 0)), as: UTF8.self)
    }

    @Test(arguments: [("device", "device"), ("a name of more than fifteen bytes", "a name of more ")])
    func hasItsName(name: String, kept: String) throws {
        let result = Result<String>()
        try Thread.spawn(name: name) { result.value = Self.currentName() }.join()
        #expect(result.value == kept)
    }

    @Test func joinComesAfterEverythingTheThreadDid() throws {
        let result = Result<Int>()
        let thread = try Thread.spawn(name: "worker") {
            for number in 1...1000 { result.value = number }
        }
        thread.join()
        #expect(result.value == 1000)
    }

    @Test func bodyIsReleasedWithWhatItCaptured() throws {
        final class Captured: Sendable {
            let released: Result<Bool>
            init(_ released: Result<Bool>) { self.released = released }
            deinit { released.value = true }
        }
        let released = Result<Bool>()
        let captured = Captured(released)
        try Thread.spawn(name: "worker") { [captured = consume captured] in _ = captured }.join()
        #expect(released.value == true)
    }

    @Test func aThreadThatNobodyJoinsGoesOn() throws {
        let pair = try UnixStream.pair()
        let number = copy(of: pair.second.rawValue)
        drop(
            try Thread.spawn(name: "detached") {
                let stream = UnixStream(adopting: OwnedFileDescriptor(adopting: number))
                _ = try? stream.send([42])
            })
        #expect(waits(for: POLLIN, on: pair.first.rawValue))
        let received = try pair.first.receive(upTo: 8)
        #expect(received.bytes == [42])
    }

    @Test func inheritsTheSignalMask() throws {
        let isBlocked = try onNewThread { () -> Bool? in
            guard (try? SignalFileDescriptor([SIGUSR1])) != nil else { return nil }
            return try? onNewThread {
                var mask = sigset_t()
                unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
                return unsafe sigismember(&mask, SIGUSR1) == 1
            }
        }
        #expect(isBlocked == true)
    }
}
