import Glibc
import LinuxIO
import Logging
import SystemPackage
import Testing

@testable import SerialDaemon

/// The loop takes any signals but SIGHUP as a wish to end: these two are harmless to a test process, and sent to this
/// thread only.
@Suite("ControlLoop")
struct ControlLoopTests {
    private static func run(
        mailbox: DeviceMailbox, queue: LogQueue, signals: [Int32] = []
    ) throws -> (exitCode: ExitCode, nanoseconds: UInt64) {
        let log = DaemonLogHandler.logger(queue: queue, logLevel: .info)
        let output = LogOutput(descriptor: -1, journalStream: nil)
        var loop = try ControlLoop(
            signals: SignalFileDescriptor([SIGWINCH, SIGURG]), mailbox: mailbox,
            writer: LogWriter(queue: queue, output: output), log: log)
        for signal in signals { #expect(pthread_kill(pthread_self(), signal) == 0) }
        let start = MonotonicClock.nanoseconds()
        let exitCode = try loop.run()
        return (exitCode, MonotonicClock.nanoseconds() - start)
    }

    @Test(arguments: [
        (DeviceResult.ended, ExitCode.success), (.failed(SystemError(call: "epoll_wait", errno: .noMemory)), .osError),
    ])
    func endOfTheDeviceThreadIsTheEnd(result: DeviceResult, exitCode: ExitCode) throws {
        let mailbox = try DeviceMailbox()
        mailbox.finish(result)
        #expect(try Self.run(mailbox: mailbox, queue: LogQueue()).exitCode == exitCode)
    }

    @Test func signalAsksTheDeviceThreadAndWaitsForItInBounds() throws {
        let mailbox = try DeviceMailbox()
        let end = try Self.run(mailbox: mailbox, queue: LogQueue(), signals: [SIGWINCH])
        #expect(areShutdowns(mailbox.takeCommands(), count: 1))
        #expect(end.exitCode == .success)
        #expect(end.nanoseconds >= ControlLoop.shutdownNanoseconds)
    }

    @Test func secondSignalEndsAtOnce() throws {
        let mailbox = try DeviceMailbox()
        let end = try Self.run(mailbox: mailbox, queue: LogQueue(), signals: [SIGWINCH, SIGURG])
        #expect(areShutdowns(mailbox.takeCommands(), count: 1))
        #expect(end.exitCode == .success)
        #expect(end.nanoseconds < ControlLoop.shutdownNanoseconds)
    }
}
