import MachineTestSupport

/// Bytes arrive, all of them, in order, in both directions.
extension Scenario {
    static let data = [
        Scenario("both-ways-64-mib", bothWays),
        Scenario("one-byte-writes", oneByteWrites),
        Scenario("thirty-one-ports-by-name", thirtyOnePorts),
        Scenario("echo-1000", echoThousand),
        Scenario("two-ports-hello", kernel: .newest, twoPortsHello),
        Scenario("two-ports-hello-6.1", kernel: .bookworm, twoPortsHello),
    ]

    /// The start of everything: one line each way, on the number asked for.
    private static func twoPortsHello(_ setting: Setting) throws {
        try setting.withMachine([.control, .data]) { machine in
            let control = try machine.client("vm.ctl")
            try machine.guest.start("hello", "while echo 'Hi there!'; do sleep 1; done >/dev/virtio-ports/vm.ctl")
            for _ in 1...3 { try expectEqual(try control.receiveLine(), "Hi there!", "the greeting") }

            try expectEqual(
                try machine.guest.run("readlink /dev/virtio-ports/vm.data"), "../vport0p5", "the number of vm.data")
            let data = try machine.client("vm.data")
            let file = try Payload.random(byteCount: 300_000, in: setting.directory)
            try machine.guest.start("read", "head -c \(file.bytes.count) /dev/virtio-ports/vm.data | sha256sum")
            try data.send(file.bytes)
            try expectEqual(try machine.guest.finish("read"), "\(file.checksum)  -", "the file in the guest")
        }
    }

    /// Every port has its own name and its own bytes. QEMU's own device keeps number 0 for a console.
    private static func thirtyOnePorts(_ setting: Setting) throws {
        let names = (setting.device == .ours ? 0...30 : 1...30).map { "port.\($0)" }
        try setting.withMachine(names.map { Port(name: $0) }) { machine in
            try expectEqual(
                try machine.guest.run("ls /dev/virtio-ports | wc -l"), "\(names.count)", "ports in the guest")
            let clients = try names.map { try machine.client($0) }
            try machine.guest.start(
                "answer",
                """
                for name in \(names.joined(separator: " ")); do
                    exec 3<>/dev/virtio-ports/$name
                    read -r line <&3
                    echo "$name heard $line" >&3
                    exec 3>&-
                done
                """)
            for client in clients { try client.send(line: "a word for \(client.port)") }
            for client in clients {
                try expectEqual(
                    try client.receiveLine(), "\(client.port) heard a word for \(client.port)", "the answer")
            }
            try machine.guest.finish("answer")
        }
    }

    /// A full stream each way at the same time through one port.
    private static func bothWays(_ setting: Setting) throws {
        let byteCount = 64 << 20
        try setting.withMachine([.data]) { machine in
            let file = try Payload.random(byteCount: byteCount, in: setting.directory)
            let client = try machine.client("vm.data")
            try machine.guest.run("head -c \(byteCount) /dev/urandom >/tmp/out")
            try machine.guest.start(
                "copy",
                """
                exec 3<>/dev/virtio-ports/vm.data
                head -c \(byteCount) <&3 >/tmp/in & cat /tmp/out >&3; wait
                """)
            let received = try client.exchange(sending: file.bytes, receiving: byteCount, within: .seconds(120))
            try machine.guest.finish("copy")

            let checksums = try machine.guest.run("sha256sum </tmp/in; sha256sum </tmp/out")
            let fromGuest = try Payload(received, in: setting.directory)
            try expectEqual(checksums, "\(file.checksum)  -\n\(fromGuest.checksum)  -", "the checksums in the guest")
        }
    }

    /// As many notifications as bytes, with both sides fighting for one processor: a lost wake-up hangs here.
    private static func oneByteWrites(_ setting: Setting) throws {
        let byteCount = 100_000
        var options = MachineOptions()
        options.onOneProcessor = true
        try setting.withMachine([.data], options) { machine in
            let client = try machine.client("vm.data")
            try machine.guest.run("head -c \(byteCount) /dev/urandom >/tmp/out")
            try machine.guest.start("write", "dd if=/tmp/out of=/dev/virtio-ports/vm.data bs=1")
            let received = try Payload(
                try client.receive(byteCount, within: .seconds(120)), in: setting.directory)
            try machine.guest.finish("write")
            try expectEqual(try machine.guest.run("sha256sum </tmp/out"), "\(received.checksum)  -", "the checksum")
        }
    }

    /// Open, write and close within microseconds, on different queues.
    private static func echoThousand(_ setting: Setting) throws {
        try setting.withMachine([.control]) { machine in
            let client = try machine.client("vm.ctl")
            try machine.guest.start("echo", "for i in $(seq 1000); do echo $i >/dev/virtio-ports/vm.ctl; done")
            for number in 1...1000 { try expectEqual(try client.receiveLine(), "\(number)", "line") }
            try machine.guest.finish("echo")
            try expect(try client.receiveNow().isEmpty, "more than 1000 lines arrived")
        }
    }
}
