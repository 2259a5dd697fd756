import LinuxIO
import SystemPackage
import Testing

@Suite("SystemError")
struct SystemErrorTests {
    @Test func descriptionNamesCallAndReason() {
        #expect(SystemError(call: "bind", errno: .permissionDenied).description == "bind: Permission denied")
    }
}
