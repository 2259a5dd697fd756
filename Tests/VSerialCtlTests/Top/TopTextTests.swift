import ControlProtocol
import Testing

@testable import vserialctl

@Suite struct TopTextTests {
    @Test("the busiest first, and what waits")
    func table() {
        var meter = PortMeter()
        let names = [somePort("b", number: 2), somePort("a", number: 1), somePort("busy", number: 3)]
        meter.take(names, at: 0)
        meter.take(
            [
                somePort("b", number: 2) { $0.toGuest.stalledNanoseconds = 40_000_000 }, names[1],
                somePort("busy", number: 3) {
                    $0.toHost.delivered = 2 << 20
                    $0.toHost.stalledNanoseconds = 87_000_000
                    $0.toHost.stalled = true
                    $0.toHost.discarded = ["no-client": 10]
                },
            ], at: 1_000_000_000)
        #expect(
            TopText.table(meter).lines(isStyled: false) == [
                "NAME  NR  GUEST  CLIENT  TO HOST/s  WAITED  TO GUEST/s  WAITED  DISCARDED/s",
                "busy   3  ready  -            2.0M     9%*           0       -           10",
                "a      1  ready  -               0       -           0       -            -",
                "b      2  ready  -               0       -           0      4%            -",
            ])
    }

    @Test("the last line says how many there is no room for")
    func fitted() {
        let lines = ["1", "2", "3"]
        #expect(TopText.fitted(lines, rows: 3) == lines)
        #expect(TopText.fitted(lines, rows: 2) == ["1", "… and 2 more"])
        #expect(TopText.fitted(lines, rows: 1) == ["… and 3 more"])
    }

    @Test("seconds and rates")
    func numbers() {
        #expect(TopText.seconds(2) == "2 s")
        #expect(TopText.seconds(0.5) == "0.5 s")
        #expect(TopText.rate(1.6) == "2")
        #expect(TopText.rate(.infinity) == "888.2P")
        #expect(TopText.rate(-1) == "0")
    }
}
