import ControlProtocol
import Testing

@testable import vserialctl

@Suite struct PortMeterTests {
    @Test("the first look has nothing to compare with")
    func first() throws {
        var meter = PortMeter()
        meter.take([somePort("a", number: 1) { $0.toHost.delivered = 5 }], at: 1_000_000_000)
        let rate = try #require(meter.rates.first)
        #expect(rate.toHost == nil)
        #expect(rate.bytesPerSecond == 0)
    }

    @Test("what has changed, for each second")
    func change() throws {
        var meter = PortMeter()
        meter.take([somePort("a", number: 1)], at: 1_000_000_000)
        meter.take(
            [
                somePort("a", number: 1) {
                    $0.toHost.delivered = 3000
                    $0.toHost.stalledNanoseconds = 500_000_000
                    $0.toHost.stalled = true
                    $0.toGuest.discarded = ["not-read": 4]
                }
            ], at: 3_000_000_000)
        let rate = try #require(meter.rates.first)
        let toHost = try #require(rate.toHost)
        let toGuest = try #require(rate.toGuest)
        #expect(meter.seconds == 2)
        #expect(toHost.bytesPerSecond == 1500)
        #expect(toHost.waited == 0.25)
        #expect(toHost.stalled)
        #expect(toHost.discardedPerSecond == 0)
        #expect(toGuest.discardedPerSecond == 2)
        #expect(toGuest.waited == 0)
    }

    @Test("the daemon may have waited a little longer than was measured")
    func clamp() throws {
        var meter = PortMeter()
        meter.take([somePort("a", number: 1)], at: 1)
        meter.take([somePort("a", number: 1) { $0.toGuest.stalledNanoseconds = 1100 }], at: 1001)
        #expect(meter.rates.first?.toGuest?.waited == 1)
    }

    @Test("a port that was removed and added begins anew")
    func anew() {
        var meter = PortMeter()
        let before = [somePort("a", number: 1) { $0.toHost.delivered = 10 }, somePort("b", number: 2)]
        meter.take(before, at: 1)
        meter.take([somePort("a", number: 1), somePort("b", number: 3), somePort("c", number: 4)], at: 2)
        #expect(meter.rates.map { $0.toHost == nil } == [true, true, true])
        #expect(meter.rates.map { $0.toGuest == nil } == [false, true, true])
    }
}
