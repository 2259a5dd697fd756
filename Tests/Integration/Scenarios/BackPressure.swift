import MachineTestSupport

/// Who is not read waits, and nothing is lost by it.
extension Scenario {
    static let backPressure = [
        Scenario("client-slow", clientSlow),
        Scenario("client-stopped", clientStopped),
        Scenario("client-gone-and-back", clientGoneAndBack),
        Scenario("client-gone-while-guest-writes", clientGoneWhileGuestWrites),
        Scenario("guest-port-closed-while-host-sends", guestPortClosed),
    ]

    /// More than the guest's ring of 128 buffers holds: up to 64 KiB each when the writer splices, as busybox's cat
    /// does.
    private static let fullRing = 12 << 20

    /// The guest is much faster than the client, and another port works at its own speed meanwhile.
    private static func clientSlow(_ setting: Setting) throws {
        let byteCount = fullRing
        try setting.withMachine([.control, .data]) { machine in
            let data = try machine.client("vm.data")
            let control = try machine.client("vm.ctl")
            try machine.guest.run("head -c \(byteCount) /dev/urandom >/tmp/out")
            try machine.guest.start("write", "cat /tmp/out >/dev/virtio-ports/vm.data")
            try machine.guest.start(
                "echo", "exec 3<>/dev/virtio-ports/vm.ctl; while read -r line <&3; do echo $line >&3; done")
            var received: [UInt8] = []
            // A round trip on the other port between two small reads is what makes this client slow.
            for turn in 1...64 {
                received += try data.receive(16 << 10)
                try control.send(line: "turn \(turn)")
                try expectEqual(try control.receiveLine(), "turn \(turn)", "the echo")
            }
            received += try data.receive(byteCount - received.count)
            try machine.guest.finish("write")
            try expectSame(received, "/tmp/out", machine)
        }
    }

    /// A client that reads nothing blocks the guest's writer, and only that.
    private static func clientStopped(_ setting: Setting) throws {
        let byteCount = fullRing
        try setting.withMachine([.control, .data]) { machine in
            let data = try machine.client("vm.data")
            let control = try machine.client("vm.ctl")
            try machine.guest.run("head -c \(byteCount) /dev/urandom >/tmp/out")
            try machine.guest.start("write", "cat /tmp/out >/dev/virtio-ports/vm.data")
            try machine.guest.waitForPort("vm.data", "outvq_full", 1)
            try expect(try machine.guest.isRunning("write"), "the guest's writer did not block")
            try machine.guest.run("echo 'still here' >/dev/virtio-ports/vm.ctl")
            try expectEqual(try control.receiveLine(), "still here", "the other port")

            let received = try data.receive(byteCount)
            try machine.guest.finish("write")
            try expectSame(received, "/tmp/out", machine)
        }
    }

    /// Without a client the guest's writer blocks; the next client gets all it had to say.
    private static func clientGoneAndBack(_ setting: Setting) throws {
        let byteCount = 1 << 20
        try setting.withMachine([.data]) { machine in
            let first = try machine.client("vm.data")
            try machine.guest.run("echo before >/dev/virtio-ports/vm.data")
            try expectEqual(try first.receiveLine(), "before", "the line for the first client")
            first.close()
            try machine.guest.waitForPort("vm.data", "host_connected", 0)
            try machine.guest.run("head -c \(byteCount) /dev/urandom >/tmp/out")
            try machine.guest.start("write", "cat /tmp/out >/dev/virtio-ports/vm.data")
            try machine.guest.waitForPort("vm.data", "guest_connected", 1)
            try expect(try machine.guest.isRunning("write"), "the guest's writer did not block")

            let second = try machine.client("vm.data")
            let received = try second.receive(byteCount)
            try machine.guest.finish("write")
            try expectSame(received, "/tmp/out", machine)
        }
    }

    /// What was under way to a client that left may be lost, as with QEMU; what follows is in order and comes once.
    private static func clientGoneWhileGuestWrites(_ setting: Setting) throws {
        let last = 1_000_000
        try setting.withMachine([.data]) { machine in
            try machine.guest.start("write", "seq -w 1 \(last) >/dev/virtio-ports/vm.data")
            var next = 1
            for _ in 1...3 {
                let client = try machine.client("vm.data")
                // The first line may be the rest of one that the client before had begun.
                _ = try client.receiveLine()
                for _ in 1...1000 {
                    let line = try client.receiveLine()
                    guard let number = Int(line) else { throw Failure("not a line of the stream: \(line)") }
                    try expect(number >= next, "line \(number) came again after \(next - 1)")
                    next = number + 1
                }
                client.close()
            }
            let client = try machine.client("vm.data")
            while try client.receiveLine() != "\(last)" {}
            try machine.guest.finish("write")
        }
    }

    /// What a host sends to a port that the guest has not opened stays in its socket.
    private static func guestPortClosed(_ setting: Setting) throws {
        try setting.withMachine([.data]) { machine in
            let client = try machine.client("vm.data")
            let file = try Payload.random(byteCount: 4 << 20, in: setting.directory)
            let sent = try client.sendUntilBlocked(file.bytes)
            try expect(sent < file.bytes.count, "\(sent) bytes were taken for a port that is closed")

            try machine.guest.start("read", "head -c \(file.bytes.count) /dev/virtio-ports/vm.data | sha256sum")
            try client.send(Array(file.bytes[sent...]))
            try expectEqual(try machine.guest.finish("read"), "\(file.checksum)  -", "the checksum in the guest")
        }
    }

    /// Compares what arrived with a file of the guest.
    static func expectSame(_ received: [UInt8], _ file: String, _ machine: Machine) throws {
        let checksum = try Payload(received, in: machine.setting.directory).checksum
        try expectEqual(try machine.guest.run("sha256sum <\(file)"), "\(checksum)  -", "the checksum of \(file)")
    }
}
