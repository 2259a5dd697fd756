import Glibc
import Testing

@testable import SerialDaemon

@Suite("DescriptorLimit")
struct DescriptorLimitTests {
    @Test func largestDeviceNeedsMoreThanTheUsualSoftLimit() {
        // Three for each of 256 ring indexes, 509 regions, a listener and a client for each port.
        #expect(DescriptorLimit.needed(portCount: 127) >= 3 * 256 + 509 + 2 * 127)
        #expect(DescriptorLimit.needed(portCount: 1) > 1024)
    }

    @Test func limitIsRaisedAsFarAsTheHardOneAndNeverLowered() {
        var before = rlimit()
        #expect(unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &before) == 0)
        #expect(DescriptorLimit.raise(to: 1) == before.rlim_cur)
        #expect(DescriptorLimit.raise(to: .max) == before.rlim_max)
        #expect(DescriptorLimit.raise(to: 1) == before.rlim_max)
    }
}
