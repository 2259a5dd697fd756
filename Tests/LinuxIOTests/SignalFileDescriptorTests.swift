import Glibc
import LinuxIO
import SystemPackage
import Testing

/// Each on a thread of its own: what is blocked there stays blocked, and a signal sent to one thread reaches no other
/// test.
@Suite("SignalFileDescriptor")
struct SignalFileDescriptorTests {
    @Test func signalsBecomeReadableInsteadOfFatal() throws {
        let read = try onNewThread { () -> [Int32?] in
            guard let signals = try? SignalFileDescriptor([SIGUSR1, SIGUSR2]) else { return [] }
            let before = try? signals.read()
            pthread_kill(pthread_self(), SIGUSR2)
            pthread_kill(pthread_self(), SIGUSR1)
            return [before, try? signals.read(), try? signals.read(), try? signals.read()]
        }
        // Lower numbers come first, whatever the order they were sent in.
        #expect(read == [nil, SIGUSR1, SIGUSR2, nil])
    }

    @Test(arguments: [0, -1, 1000] as [Int32])
    func aNumberThatIsNoSignalIsRefused(number: Int32) {
        #expect(throws: SystemError(call: "sigaddset", errno: .invalidArgument)) {
            _ = try SignalFileDescriptor([number])
        }
    }
}
