import Glibc
import MachineTestSupport

/// The guest, its driver and QEMU come and go; clients on the host stay.
extension Scenario {
    static let lifecycle = [
        Scenario("stop-cont", stopAndContinue),
        Scenario("driver-unbind-bind", driverUnbindBind),
        Scenario("guest-reboot", guestReboot),
        Scenario("kexec", kernel: .newest, kexec),
        Scenario("kexec-6.1", kernel: .bookworm, kexec),
        Scenario("qemu-killed-and-started-again", oursOnly: "with QEMU its sockets die too", killedAndStartedAgain),
    ]

    /// A pause in the middle of two full streams loses nothing and repeats nothing.
    private static func stopAndContinue(_ setting: Setting) throws {
        let byteCount = 16 << 20
        let pauses = 8
        try setting.withMachine([.data]) { machine in
            let client = try machine.client("vm.data")
            let file = try Payload.random(byteCount: byteCount, in: setting.directory)
            try machine.guest.run("head -c \(byteCount) /dev/urandom >/tmp/out")
            try machine.guest.start(
                "copy",
                """
                exec 3<>/dev/virtio-ports/vm.data
                head -c \(byteCount) <&3 >/tmp/in & cat /tmp/out >&3; wait
                """)
            var received: [UInt8] = []
            let piece = byteCount / pauses
            for start in stride(from: 0, to: byteCount, by: piece) {
                received += try client.exchange(
                    sending: Array(file.bytes[start..<(start + piece)]), receiving: piece)
                try machine.qmp.execute("stop")
                try client.expectConnected()
                try machine.qmp.execute("cont")
            }
            try machine.guest.finish("copy")
            try expectSame(received, "/tmp/out", machine)
            try expectSame(file.bytes, "/tmp/in", machine)
        }
    }

    /// Unbinding resets the device under traffic. Until then the stream is in order; after it, whole again.
    private static func driverUnbindBind(_ setting: Setting) throws {
        try setting.withMachine([.control, .data]) { machine in
            let client = try machine.client("vm.data")
            for turn in 1...3 {
                try machine.guest.run("(seq 1 10000000 >/dev/virtio-ports/vm.data) 2>/dev/null &")
                // Some of the stream, so that unbinding finds the rings full.
                for number in 1...1000 { try expectEqual(try client.receiveLine(), "\(number)", "turn \(turn), line") }
                try machine.rebindDriver()
                try machine.guest.run("{ echo; echo 'end of turn'; } >/dev/virtio-ports/vm.data")
                var next = 1001
                while true {
                    let line = try client.receiveLine()
                    if line == "end of turn" { break }
                    // The stream may have been cut in the middle of its last line.
                    try expect("\(next)".hasPrefix(line), "turn \(turn): \(line) came after \(next - 1)")
                    next += 1
                }
            }
            let file = try Payload.random(byteCount: 1 << 20, in: setting.directory)
            try machine.guest.start("read", "head -c \(file.bytes.count) /dev/virtio-ports/vm.data >/tmp/in")
            try client.send(file.bytes)
            try machine.guest.finish("read")
            try expectSame(file.bytes, "/tmp/in", machine)
        }
    }

    /// The same client talks to the guest before and after.
    private static func guestReboot(_ setting: Setting) throws {
        try setting.withMachine([.control, .data]) { machine in
            let control = try machine.client("vm.ctl")
            let data = try machine.client("vm.data")
            for turn in 1...2 {
                try machine.guest.run("echo 'turn \(turn)' >/dev/virtio-ports/vm.ctl")
                try expectEqual(try control.receiveLine(), "turn \(turn)", "the line")
                try machine.guest.send("reboot -f")
                // Sent to a machine without a guest: it waits for the next one.
                try data.send(line: "for turn \(turn)")
                try machine.waitForGuest()
                let heard = try machine.guest.run("head -n 1 /dev/virtio-ports/vm.data")
                try expectEqual(heard, "for turn \(turn)", "the line sent while the guest rebooted")
            }
            try control.expectConnected()
            try data.expectConnected()
        }
    }

    /// A kernel starts another in its place in the middle of a stream: the machine and its devices see no reset. The
    /// new kernel, and the tool to load it, come through the port themselves.
    private static func kexec(_ setting: Setting) throws {
        let kernel = setting.kernel.rawValue
        let archive = "\(setting.directory)/kexec.tar"
        _ = try ChildProcess.output(
            of: [
                "sh", "-c",
                """
                cd ${VHOST_USER_SERIAL_CACHE:-.cache}
                cp guest/\(kernel).cpio \(setting.directory)/initramfs
                cd qemu-root/kernels/\(kernel) && tar -cf \(archive) vmlinuz
                cd ../../usr/sbin && tar -rf \(archive) kexec
                cd ../lib/x86_64-linux-gnu && tar -rhf \(archive) ld-linux-x86-64.so.2 libc.so.6 libxen*.so.*
                cd \(setting.directory) && tar -rf \(archive) initramfs
                """,
            ], in: setting.directory)
        let parcel = try Payload(contentsOf: archive, in: setting.directory)

        try setting.withMachine([.control, .data]) { machine in
            let control = try machine.client("vm.ctl")
            let data = try machine.client("vm.data")
            try machine.guest.start(
                "unpack", "head -c \(parcel.bytes.count) /dev/virtio-ports/vm.data | tar -x -C /tmp")
            try data.send(parcel.bytes)
            try machine.guest.finish("unpack")

            let tool = "/tmp/ld-linux-x86-64.so.2 --library-path /tmp /tmp/kexec"
            try machine.guest.run(
                "\(tool) -s -l /tmp/vmlinuz --initrd=/tmp/initramfs --command-line=\"$(cat /proc/cmdline) second\"")
            try machine.guest.run("(seq 1 10000000 >/dev/virtio-ports/vm.data) 2>/dev/null &")
            for number in 1...1000 { try expectEqual(try data.receiveLine(), "\(number)", "line") }
            try machine.guest.send("\(tool) -e")
            try machine.waitForGuest()
            try machine.guest.run("grep -w second /proc/cmdline")

            try machine.guest.run("{ echo; echo 'the next kernel'; } >/dev/virtio-ports/vm.data")
            while try data.receiveLine() != "the next kernel" {}
            try machine.guest.run("echo hello >/dev/virtio-ports/vm.ctl")
            try expectEqual(try control.receiveLine(), "hello", "the line on the other port")
        }
    }

    /// A crash of QEMU ends no client; the next QEMU serves them.
    private static func killedAndStartedAgain(_ setting: Setting) throws {
        try setting.withMachine([.control, .data]) { machine in
            let control = try machine.client("vm.ctl")
            let data = try machine.client("vm.data")
            for turn in 1...2 {
                try machine.guest.run("(seq 1 10000000 >/dev/virtio-ports/vm.data) 2>/dev/null &")
                for number in 1...1000 { try expectEqual(try data.receiveLine(), "\(number)", "turn \(turn), line") }
                try machine.killQEMU()
                try machine.boot()
                try machine.guest.run("{ echo; echo 'end of turn'; } >/dev/virtio-ports/vm.data")
                while try data.receiveLine() != "end of turn" {}
                try machine.guest.run("echo 'turn \(turn)' >/dev/virtio-ports/vm.ctl")
                try expectEqual(try control.receiveLine(), "turn \(turn)", "the line")
            }
        }
    }
}
