import Glibc
import MachineTestSupport

/// Guest memory in more than one piece.
extension Scenario {
    static let memory = [
        Scenario("memory-over-4-gib", memoryOver4GiB),
        Scenario("dimm-hotplug", dimmHotplug),
    ]

    /// Two regions, the second above 4 GiB, where Linux takes its buffers from first.
    private static func memoryOver4GiB(_ setting: Setting) throws {
        var options = MachineOptions()
        options.memory = "5G"
        try setting.withMachine([.data], options) { machine in
            try exchangeMebibytes(8, machine)
            let status = "/proc/\(try machine.qemu.processID)/status"
            let touched = try Daemon.number("RssShmem", in: status) + Daemon.number("RssAnon", in: status)
            try expect(touched < 1 << 20, "\(touched) KiB of 5 GiB are in use on the host")
        }
    }

    /// A memory module that is plugged in while the rings run. Linux prefers it for its next buffers.
    private static func dimmHotplug(_ setting: Setting) throws {
        var options = MachineOptions()
        options.memoryOption = "512M,slots=1,maxmem=2G"
        try setting.withMachine([.data], options) { machine in
            try exchangeMebibytes(1, machine)
            try machine.qmp.execute(
                "object-add", #"{"qom-type": "memory-backend-memfd", "id": "more", "size": 268435456, "share": true}"#)
            try machine.qmp.execute("device_add", #"{"driver": "pc-dimm", "id": "dimm0", "memdev": "more"}"#)
            let blocks = "/sys/devices/system/memory/memory*/state"
            try machine.guest.waitUntil("[ $(cat \(blocks) | wc -l) -ge 6 ]")
            try machine.guest.run(
                "for f in $(grep -l offline \(blocks)); do echo online_kernel >$f; done; ! grep offline \(blocks)")
            try exchangeMebibytes(8, machine)
            // The driver's buffers for our direction are allocated when it starts.
            try machine.rebindDriver()
            try exchangeMebibytes(8, machine)
            let used = try machine.guest.run("awk '\(zoneCheck)' /proc/zoneinfo")
            try expect(Int(used) ?? 0 >= 16 << 8, "only \(used) pages of the new memory are in use")
        }
    }

    /// Memory above 4 GiB, which is all of the module and nothing else, is the zone Normal: prints its pages in use.
    private static let zoneCheck =
        "/zone +Normal/{n=1} n&&/pages free/{free=$3} n&&/managed/{print $2-free; exit}"

    /// Random bytes both ways through vm.data, checked on both sides.
    private static func exchangeMebibytes(_ count: Int, _ machine: Machine) throws {
        let byteCount = count << 20
        let client = try machine.client("vm.data")
        let file = try Payload.random(byteCount: byteCount, in: machine.setting.directory)
        try machine.guest.run("head -c \(byteCount) /dev/urandom >/tmp/out")
        try machine.guest.start(
            "copy",
            "exec 3<>/dev/virtio-ports/vm.data; head -c \(byteCount) <&3 >/tmp/in & cat /tmp/out >&3; wait")
        let received = try client.exchange(sending: file.bytes, receiving: byteCount)
        try machine.guest.finish("copy")
        client.close()
        try expectSame(received, "/tmp/out", machine)
        try expectSame(file.bytes, "/tmp/in", machine)
    }
}
