import CSystemCallFaults
import LinuxIO
import Testing
import VirtioTestSupport

@testable import SerialDaemon
@testable import SerialDaemonTests

/// Every system call of a session fails once: the process lives, no byte is wrong, nothing leaks, and the next session
/// is as any other.
@Suite("Failing system calls")
struct SystemCallFaultTests {
    @Test("a signal, an empty socket, a short count: nobody notices")
    func whatHappensEveryDayIsNotNoticed() async {
        await #expect(processExitsWith: .success) {
            for fault in [system_call_fault_interrupted, system_call_fault_would_block, system_call_fault_short] {
                try Self.sweep(fault, mustBeSmooth: true)
            }
        }
    }

    @Test("no memory, no descriptor: who needed it is turned away, and nobody else")
    func whatTheHostLacksCostsWhoAskedForIt() async {
        await #expect(processExitsWith: .success) {
            for fault in [system_call_fault_no_memory, system_call_fault_no_descriptor] {
                try Self.sweep(fault, mustBeSmooth: false)
            }
        }
    }

    private static func sweep(_ fault: system_call_fault, mustBeSmooth: Bool) throws {
        // Number 0 fails nothing, and tells how many there are.
        let callCount = try runSession(fault, number: 0, mustBeSmooth: true).callCount
        #expect(callCount > 0)
        let (openCount, mappedByteCount) = (ProcessFigures.openFileCount, ProcessFigures.virtualByteCount)
        var roughCount = 0
        for number in 1...callCount {
            let (count, wasSmooth) = try runSession(fault, number: number, mustBeSmooth: mustBeSmooth)
            #expect(count >= number)
            if !wasSmooth { roughCount += 1 }
            #expect(ProcessFigures.openFileCount == openCount, "call \(number)")
        }
        #expect(ProcessFigures.virtualByteCount - mappedByteCount < 16 << 20)
        // A fault that nobody ever notices was perhaps never there.
        #expect(mustBeSmooth || roughCount > 0)
    }

    private static func runSession(
        _ fault: system_call_fault, number: UInt32, mustBeSmooth: Bool
    ) throws -> (callCount: UInt32, wasSmooth: Bool) {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.disconnectFrontend()
        let session = SweptSession(fixture)
        let callCount = try session.run(fault, number: number)
        #expect(!mustBeSmooth || session.wasSmooth, "call \(number) of \(fault)")

        // Whatever became of it, the next front-end and the next client are served.
        fixture.guest.reset()
        for queue in fixture.guest.queues { _ = try (queue.wasCalled(), queue.isReportedBroken()) }
        // A listener that could not accept rests for a second.
        try fixture.settle { !fixture.loop.frontendListenerRests }
        try fixture.connectFrontend()
        try fixture.boot()
        let client = try HostClient(connectingTo: fixture.address(of: 1))
        try fixture.settle { fixture.hasClient(1) }
        try fixture.open(1)
        _ = fixture.takeControl()
        _ = client.receive()
        _ = fixture.guest.read(port: 1)
        try fixture.guest.write(pattern(100), port: 1)
        client.send(pattern(50))
        try fixture.settle()
        expectEqual(client.receive(), pattern(100))
        expectEqual(fixture.guest.read(port: 1), pattern(50))
        return (callCount, session.wasSmooth)
    }
}
