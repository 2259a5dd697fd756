import MachineTestSupport

/// A guest that writes to all of its ports at once, as fast as it can.
extension Scenario {
    static let flood = [Scenario("guest-floods", guestFloods)]

    private static let floodedPorts = (1...7).map { (number: Int) in Port(name: "flood.\(number)", number: number) }
    private static let wholePort = Port(name: "whole", number: 8)

    /// What the daemon may have grown by: buffers of an allocator that keeps some.
    private static let growthLimitKiB = 1 << 10

    /// Some of the ports have nobody on the host, the others clients that read a little now and then. One port's bytes
    /// arrive whole beside them; then the guest is reset in the midst of the flood, and all is as before.
    private static func guestFloods(_ setting: Setting) throws {
        try setting.withMachine(floodedPorts + [wholePort]) { machine in
            let whole = try machine.client(wholePort.name)
            let slow = try floodedPorts.prefix(3).map { try machine.client($0.name) }
            try exchangeBesideFlood(machine, whole, slow)
            let before = try machine.daemon?.footprint()
            for turn in 1...2 {
                // A stream that is cut in its midst, beside the flood that goes on.
                try machine.guest.run("(cat /dev/zero >/dev/virtio-ports/\(wholePort.name)) 2>/dev/null &")
                _ = try whole.receive(1 << 20)
                try machine.guest.send("reboot -f")
                try machine.waitForGuest()
                for client in [whole] + slow { try client.expectConnected() }
                try takeRest(of: whole, machine, "turn \(turn)")
                try exchangeBesideFlood(machine, whole, slow)
            }
            if let before { try machine.daemon?.expectNoGrowth(since: before, allowingKiB: growthLimitKiB) }
        }
    }

    /// Has two processes write to each flooded port, for as long as the guest lives, and a few megabytes go both ways on
    /// the other port meanwhile.
    private static func exchangeBesideFlood(_ machine: Machine, _ whole: PortClient, _ slow: [PortClient]) throws {
        let byteCount = 4 << 20
        let file = try Payload.random(byteCount: byteCount, in: machine.setting.directory)
        try machine.guest.run("head -c \(byteCount) /dev/urandom >/tmp/out")
        for port in floodedPorts {
            // A port can be opened once: the two processes share it.
            try machine.guest.run(
                """
                ( (while cat /proc/cpuinfo; do :; done) & while echo flood; do :; done ) \
                >/dev/virtio-ports/\(port.name) 2>/dev/null &
                """)
        }
        // Without a reader the writer waits, which is what the flood is to meet.
        for port in floodedPorts.dropFirst(slow.count) {
            try machine.guest.waitForPort(port.name, "guest_connected", 1)
        }
        try machine.guest.start(
            "exchange",
            """
            exec 3<>/dev/virtio-ports/\(wholePort.name)
            head -c \(byteCount) <&3 >/tmp/in & cat /tmp/out >&3; wait
            """)
        let pieceCount = 16
        var received: [UInt8] = []
        for number in 0..<pieceCount {
            let piece = byteCount / pieceCount
            received += try whole.exchange(
                sending: Array(file.bytes[number * piece..<(number + 1) * piece]), receiving: piece)
            for client in slow { try expect(try !client.receive(1 << 10).isEmpty, "\(client.port): no flood") }
        }
        try machine.guest.finish("exchange")
        try expectSame(received, "/tmp/out", machine)
        try expectSame(file.bytes, "/tmp/in", machine)
    }

    /// Reads away what is left of a stream that a reset has cut: up to a line that the next guest writes.
    private static func takeRest(of client: PortClient, _ machine: Machine, _ line: String) throws {
        try machine.guest.run("{ echo; echo '\(line)'; } >/dev/virtio-ports/\(client.port)")
        while try client.receiveLine() != line {}
    }
}
