import LinuxIO
import Testing

@testable import vserialctl

@Suite("ForwardTarget")
struct ForwardTargetTests {
    @Test(
        arguments: [
            ("tcp:localhost:80", .tcp(host: "localhost", port: 80)),
            ("tcp:[::1]:65535", .tcp(host: "::1", port: 65535)),
            ("unix:/run/x", .unix(.path("/run/x"))), ("unix:@x", .unix(.abstract("x"))),
        ] as [(String, ForwardTarget)])
    func readsWhatPeopleWrite(text: String, target: ForwardTarget) {
        #expect(ForwardTarget(argument: text) == target)
        #expect(target.description == text)
    }

    @Test(arguments: [
        "", "tcp", "tcp:", "tcp:80", "tcp::80", "tcp:h:0", "tcp:h:65536", "tcp:h:x", "tcp:::1:80", "unix:",
    ])
    func refusesTheRest(text: String) {
        #expect(ForwardTarget(argument: text) == nil)
    }
}
