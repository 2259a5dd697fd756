import MachineTestSupport

/// Each side sees the other come and go.
extension Scenario {
    private static let notBuiltin = "QEMU's own device does not offer it"

    static let connections = [
        Scenario("open-close-seen-by-guest", openCloseSeenByGuest),
        Scenario("guest-close-seen-by-client", oursOnly: notBuiltin, guestCloseSeen),
        Scenario("half-closed-client-still-receives", oursOnly: "QEMU takes a half-close for the end", halfClose),
        Scenario("second-client-waits", secondClientWaits),
        Scenario("socat-file-sender-gone", oursOnly: "QEMU drops what a client sent before it left", senderGone),
    ]

    /// A reader in the guest gets end of file when the client leaves, and the driver's state follows.
    private static func openCloseSeenByGuest(_ setting: Setting) throws {
        try setting.withMachine([.control]) { machine in
            try machine.guest.waitForPort("vm.ctl", "host_connected", 0)
            for turn in 1...3 {
                let client = try machine.client("vm.ctl")
                try machine.guest.waitForPort("vm.ctl", "host_connected", 1)
                try machine.guest.start("read", "cat /dev/virtio-ports/vm.ctl")
                try machine.guest.waitForPort("vm.ctl", "guest_connected", 1)
                try client.send(line: "turn \(turn)")
                try machine.guest.waitUntil("grep -q turn /tmp/read.log")
                try expect(try machine.guest.isRunning("read"), "the reader ended with the client still there")
                client.close()
                try expectEqual(try machine.guest.finish("read"), "turn \(turn)", "what the reader got")
                try machine.guest.waitForPort("vm.ctl", "host_connected", 0)
            }
        }
    }

    /// `guest-close=` says what a client sees when the guest closes the port, after all data.
    private static func guestCloseSeen(_ setting: Setting) throws {
        let ports = ["keep", "eof", "disconnect"].map { Port(name: $0, daemonOptions: ["guest-close=\($0)"]) }
        try setting.withMachine(ports) { machine in
            let clients = try ports.map { try machine.client($0.name) }
            let byteCount = 200_000
            try machine.guest.run("head -c \(byteCount) /dev/urandom >/tmp/out")
            try machine.guest.start(
                "write", "for port in keep eof disconnect; do cat /tmp/out >/dev/virtio-ports/$port; done")
            for client in clients { try expectSame(try client.receive(byteCount), "/tmp/out", machine) }
            try machine.guest.finish("write")
            try clients[0].expectConnected()
            try clients[1].expectEndOfFile()
            try clients[2].expectEndOfFile()

            // After end of file the client may still send; after the disconnect it cannot.
            try machine.guest.start("read", "head -n 1 /dev/virtio-ports/eof")
            try clients[1].send(line: "still heard")
            try expectEqual(try machine.guest.finish("read"), "still heard", "what the guest read")
            try machine.guest.waitForPort("disconnect", "host_connected", 0)
        }
    }

    /// A client that has said all it has to say still gets the answer.
    private static func halfClose(_ setting: Setting) throws {
        try setting.withMachine([.data]) { machine in
            let client = try machine.client("vm.data")
            let question = try Payload.random(byteCount: 100_000, in: setting.directory)
            try client.send(question.bytes)
            client.shutdownSend()
            try machine.guest.start(
                "answer", "exec 3<>/dev/virtio-ports/vm.data; head -c 100000 <&3 | sha256sum >&3; echo more >&3")
            try expectEqual(try client.receiveLine(), "\(question.checksum)  -", "the answer")
            try expectEqual(try client.receiveLine(), "more", "the second answer")
            try machine.guest.finish("answer")
        }
    }

    /// One client at a time; the next one's bytes are kept until it is its turn.
    private static func secondClientWaits(_ setting: Setting) throws {
        try setting.withMachine([.control]) { machine in
            let first = try machine.client("vm.ctl")
            // cat sees the end of the first client; the port stays open, because a close would discard what comes next.
            try machine.guest.start(
                "read",
                """
                exec 3<>/dev/virtio-ports/vm.ctl
                : >/tmp/got
                until grep -q second /tmp/got; do cat <&3 >>/tmp/got; usleep 20000; done
                cat /tmp/got
                """)
            let second = try machine.client("vm.ctl")
            try second.send(line: "second")
            try first.send(line: "first")
            try machine.guest.waitUntil("grep -q first /tmp/got")
            try expectEqual(try machine.guest.run("cat /tmp/got"), "first", "what the guest got from the first client")
            first.close()
            try machine.guest.waitUntil("grep -q second /tmp/got")
            second.close()
            try expectEqual(try machine.guest.finish("read"), "first\nsecond", "what the guest got")
        }
    }

    /// `socat -u FILE UNIX:…` is done before the guest opens the port, and the file still arrives.
    private static func senderGone(_ setting: Setting) throws {
        try setting.withMachine([.data]) { machine in
            // As much as socat surely can leave behind: it polls before it writes, and the kernel calls a UNIX socket
            // writable only while a quarter of its buffer is in use. Measured: 30000 bytes go, 60000 do not.
            let file = try Payload.random(byteCount: 24 << 10, in: setting.directory)
            let path = try file.write(in: setting.directory)
            _ = try ChildProcess.output(
                of: ["socat", "-u", "FILE:\(path)", "UNIX-CONNECT:\(setting.directory)/vm.data"], in: setting.directory)
            let checksum = try machine.guest.run("head -c \(file.bytes.count) /dev/virtio-ports/vm.data | sha256sum")
            try expectEqual(checksum, "\(file.checksum)  -", "the file in the guest")
            try machine.guest.waitForPort("vm.data", "host_connected", 0)
        }
    }
}
