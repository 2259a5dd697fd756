import FoundationEssentials
import Glibc
import MachineTestSupport

/// What a port can be bound to beside one client's stream socket. Connectors, terminals, FIFOs and files are played by the
/// example of character devices.
extension Scenario {
    private static let aboutEndpoints = "it is about the daemon's endpoints"

    static let endpoints = [
        Scenario("many-clients", oursOnly: aboutEndpoints, manyClients),
        Scenario("records", oursOnly: aboutEndpoints, records),
        Scenario("standard-output", oursOnly: aboutEndpoints, standardOutput),
    ]

    /// Two clients get every byte, one who reads nothing slows nobody, one who comes late is shown the newest bytes.
    private static func manyClients(_ setting: Setting) throws {
        let keys = ["clients=4", "writers=2", "scrollback=64K"]
        let machine = try Machine(setting, [Port(name: "vm.data", number: 5, daemonOptions: keys)])
        try machine.boot()
        let (first, second) = (try machine.client("vm.data"), try machine.client("vm.data"))
        let stalled = try machine.client("vm.data")
        let byteCount = 8 << 20
        try machine.guest.run("head -c \(byteCount) /dev/urandom >/tmp/out")
        try machine.guest.start("write", "cat /tmp/out >/dev/virtio-ports/vm.data")
        var copies: [[UInt8]] = [[], []]
        // In turns: two writers hold the guest when one of them does not read.
        while copies[1].count < byteCount {
            let step = min(16 << 10, byteCount - copies[1].count)
            copies[0] += try first.receive(step)
            copies[1] += try second.receive(step)
        }
        try machine.guest.finish("write")
        try expectSame(copies[0], "/tmp/out", machine)
        try expect(copies[0] == copies[1], "the second writer got other bytes")
        let late = try machine.client("vm.data")
        try expect(try late.receive(64 << 10) == copies[0].suffix(64 << 10), "the newest bytes are others")
        // Both are heard, whoever only watches is not.
        try machine.guest.start("read", "head -n 2 /dev/virtio-ports/vm.data | sort")
        try stalled.send(line: "from a watcher")
        try first.send(line: "from the first")
        try second.send(line: "from the second")
        try expectEqual(try machine.guest.finish("read"), "from the first\nfrom the second", "what the guest read")
        try machine.finish()
        let log = machine.daemon?.loggedText() ?? ""
        try expect(!log.contains("thrown away"), "bytes were thrown away: \(log)")
    }

    /// A write of the guest is a record of the client's, a record a read of the guest's.
    private static func records(_ setting: Setting) throws {
        let machine = try Machine(setting, [Port(name: "vm.data", number: 5, daemonOptions: ["type=seqpacket"])])
        try machine.boot()
        let client = try RecordSocket("\(setting.directory)/vm.data")
        try machine.guest.run(
            "{ printf one; printf '%4000d' 2; printf three; } >/dev/virtio-ports/vm.data")
        try expectEqual(try client.receive().count, 3, "bytes of the first record")
        try expectEqual(try client.receive().count, 4000, "bytes of the second record")
        try expectEqual(String(decoding: try client.receive(), as: UTF8.self), "three", "the third record")
        // dd reads once for each of its blocks: three reads, three records.
        try machine.guest.start("read", "dd if=/dev/virtio-ports/vm.data bs=4096 count=3 of=/tmp/in")
        for record in ["a", String(repeating: "b", count: 4000), "ccc"] { try client.send(Array(record.utf8)) }
        let report = try machine.guest.finish("read")
        try expect(report.contains("0+3 records in"), "the guest's reads: \(report)")
        try expectEqual(try machine.guest.run("wc -c </tmp/in"), "4004", "bytes that the guest read")
        try machine.finish()
    }

    /// The daemon's own output, which is its log's here.
    private static func standardOutput(_ setting: Setting) throws {
        let machine = try Machine(setting, [Port(name: "vm.data", number: 5, daemonOptions: ["kind=stdio"])])
        try machine.boot()
        try machine.guest.run("echo 'the guest says this' >/dev/virtio-ports/vm.data")
        try Deadline.wait(for: "what the guest has written", within: .seconds(10)) {
            machine.daemon?.loggedText().contains("\nthe guest says this\n") == true
        }
        try machine.finish()
    }
}

/// A client of a port that keeps records apart.
private final class RecordSocket {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        _ = unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try expect(result == 0, "cannot connect to \(path): errno \(errno)")
    }

    deinit { close(descriptor) }

    func receive() throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
        try expect(count >= 0, "no record comes: errno \(errno)")
        return Array(bytes.prefix(count))
    }

    func send(_ record: [UInt8]) throws {
        let count = unsafe Glibc.send(descriptor, record, record.count, Int32(MSG_NOSIGNAL))
        try expect(count == record.count, "a record is not sent: errno \(errno)")
    }
}
