import LinuxIO
import Testing
import VirtioTestSupport

@testable import SerialDaemon

@Suite("Busy polling")
struct BusyPollingTests {
    private static let limit: UInt64 = 100_000

    @Test func isOffByDefaultAndStaysOff() {
        var polling = BusyPolling(limit: 0)
        #expect(!polling.isOn)
        polling.slept(0, now: 1)
        #expect(polling.window == 0)
    }

    @Test func opensAfterAShortSleepOnly() {
        var polling = BusyPolling(limit: Self.limit)
        #expect(polling.window == 0, "nothing is known yet")
        polling.slept(Self.limit, now: 1)
        #expect(polling.window == 0, "an idle device sleeps")
        polling.slept(Self.limit - 1, now: 2)
        #expect(polling.window == BusyPolling.smallestWindow)
    }

    @Test func growsWithSuccessUpToTheLimit() {
        var polling = BusyPolling(limit: Self.limit)
        polling.slept(1, now: 1)
        var windows: [UInt64] = []
        for _ in 0..<6 {
            polling.foundWork()
            windows.append(polling.window)
        }
        #expect(windows == [20_000, 40_000, 80_000, 100_000, 100_000, 100_000])
    }

    @Test func shrinksWithFailureDownToNothing() {
        var polling = BusyPolling(limit: Self.limit)
        polling.slept(1, now: 1)
        for _ in 0..<6 { polling.foundWork() }
        var windows: [UInt64] = []
        for _ in 0..<5 {
            polling.foundNothing()
            windows.append(polling.window)
        }
        #expect(windows == [50_000, 25_000, 12_500, 0, 0])
    }

    @Test func isClosedForAWhileWhenTheProcessorIsWanted() {
        var polling = BusyPolling(limit: Self.limit)
        polling.slept(1, now: 1)
        polling.wasPreempted(now: 1000)
        #expect(polling.window == 0)
        polling.slept(1, now: 1000 + BusyPolling.closedTime - 1)
        #expect(polling.window == 0)
        polling.slept(1, now: 1000 + BusyPolling.closedTime)
        #expect(polling.window > 0)
    }

    @Test(arguments: [1, 5000] as [UInt64]) func smallLimitIsKept(limit: UInt64) {
        var polling = BusyPolling(limit: limit)
        polling.slept(0, now: 1)
        #expect(polling.window == limit)
        polling.foundWork()
        #expect(polling.window == limit)
        polling.foundNothing()
        #expect(polling.window == 0)
    }

    /// The loop with a window open does the same as one without.
    @Test func bytesComeThroughWhilePolling() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        fixture.loop.polling = BusyPolling(limit: 1_000_000)
        for byte in 0..<100 as Range<UInt8> {
            // With a time-out the loop may sleep: it sleeps shortly, and the window opens.
            try fixture.loop.turn(timeoutMilliseconds: byte % 10 == 0 ? 1 : 0)
            try fixture.guest.write([byte], port: 1)
            try fixture.settle()
            #expect(client.receive() == [byte])
            client.send([byte])
            try fixture.settle()
            #expect(fixture.guest.read(port: 1) == [byte])
            try fixture.guest.offerBuffers(port: 1)
        }
    }
}
