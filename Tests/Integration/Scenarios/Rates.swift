import FoundationEssentials
import MachineTestSupport

/// Ports that may move only so much.
extension Scenario {
    static let rates = [
        Scenario("rate-limit", oursOnly: "it is about the daemon's rate=", rateLimit)
    ]

    /// Both ways as fast as was asked for, by 15 % at most; without a rate at once.
    private static func rateLimit(_ setting: Setting) throws {
        let byteCount = 2 << 20
        let (machine, control) = try controlled(
            setting, [Port(name: "vm.data", number: 5, daemonOptions: ["rate=1M"])])
        let client = try machine.client("vm.data")
        try machine.guest.run("head -c \(3 * byteCount) /dev/urandom >/tmp/out")
        try machine.guest.start("write", "cat /tmp/out >/dev/virtio-ports/vm.data")
        // The burst, and whatever the machine needs to come to rest.
        var received = try client.receive(256 << 10)
        var start = ContinuousClock.now
        received += try client.receive(byteCount)
        try expectTwoSeconds(start, "to the host")

        try control.execute("port-set", #"{"id": "vm.data", "rate": "off"}"#)
        start = .now
        received += try client.receive(3 * byteCount - received.count)
        try expect(start.duration(to: .now) < .seconds(2), "slow without a rate: \(start.duration(to: .now))")
        try machine.guest.finish("write")
        try expectSame(received, "/tmp/out", machine)

        try control.execute("port-set", #"{"id": "vm.data", "rate": "1M"}"#)
        // The first piece is the burst and what the socket holds: behind it the client waits.
        let first = 512 << 10
        let file = try Payload.random(byteCount: first + byteCount, in: setting.directory)
        try machine.guest.start("read", "head -c \(file.bytes.count) /dev/virtio-ports/vm.data | sha256sum")
        try machine.guest.waitForPort("vm.data", "guest_connected", 1)
        try client.send(Array(file.bytes[..<first]))
        start = .now
        try client.send(Array(file.bytes[first...]))
        try expectTwoSeconds(start, "to the guest")
        try expectEqual(try machine.guest.finish("read"), "\(file.checksum)  -", "the checksum in the guest")

        let ports = try control.execute("query-ports")
        let waits = ports.components(separatedBy: "\"throttled-nanoseconds\":").dropFirst().map {
            Int($0.prefix { $0.isNumber }) ?? 0
        }
        try expect(waits.count == 2 && waits.allSatisfy { $0 > 1_000_000_000 }, "throttled for \(waits) nanoseconds")
        try machine.finish()
    }

    private static func expectTwoSeconds(_ start: ContinuousClock.Instant, _ what: String) throws {
        let duration = start.duration(to: .now)
        try expect((.seconds(1.7)...(.seconds(2.3))).contains(duration), "2 MiB \(what) at 1 MiB/s took \(duration)")
    }
}
