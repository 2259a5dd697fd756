import ControlProtocol
import Testing

@testable import vserialctl

@Suite struct DaemonChecksTests {
    private func verdicts(_ status: DaemonStatus, _ ports: [PortStatus]) -> [Check.Verdict] {
        DaemonChecks.checks(status: status, ports: ports).map(\.verdict)
    }

    private let open = somePort("a", number: 1) { $0.guestOpen = true }

    @Test("all is well")
    func good() {
        #expect(verdicts(someStatus(), [open]) == [.ok, .ok, .ok, .ok])
        #expect(verdicts(someStatus(), []) == [.ok, .ok, .ok, .ok])
    }

    @Test("one thing after the other")
    func stages() {
        let alone = someStatus {
            $0.frontend = nil
            $0.guest.driverReady = false
        }
        #expect(verdicts(alone, [open]) == [.failed, .notChecked, .ok, .notChecked])
        #expect(verdicts(someStatus { $0.guest.driverReady = false }, [open]) == [.ok, .failed, .ok, .notChecked])
        #expect(verdicts(someStatus(), [open, somePort("b", number: 2)]) == [.ok, .ok, .ok, .warning])
        let broken = somePort("c", number: 3) {
            $0.guestOpen = true
            $0.toHost.ring?.broken = "why"
        }
        #expect(verdicts(someStatus(), [broken]) == [.ok, .ok, .failed, .ok])
    }

    @Test("the ports that nobody has opened are named")
    func names() {
        let checks = DaemonChecks.checks(status: someStatus(), ports: [somePort("b", number: 2), open])
        #expect(checks.last?.finding == "no program in the guest has opened: b")
    }
}
