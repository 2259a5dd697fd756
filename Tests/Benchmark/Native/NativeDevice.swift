import DriverTestSupport
import Glibc
import LinuxIO

/// A device of a real QEMU whose guest is our driver: `-accel qtest` runs no instruction of a guest, so nothing but the
/// device and its way through QEMU is measured.
///
/// Kicks are writes to QEMU's own ioeventfds, as KVM makes them; interrupts are MSI-X, which QEMU writes to a word of
/// the guest's memory.
enum NativeDevice {
    static let portCount = 8
    private static let memoryByteCount = 1 << 30
    private static let slot: UInt32 = 16
    private static let queueCount = 64

    /// Which device QEMU has.
    enum Kind {
        /// virtio-serial-pci, whose rings have 128 entries.
        case builtin
        /// vhost-user-test-device-pci, with a daemon.
        case daemon(DaemonProgram)
    }

    static func start(
        _ kind: Kind, label: DeviceLabel, qemu: String, layout: GuestDriver.Layout, processors: Processors,
        directory: String
    ) throws -> DrivenDevice {
        let log = "\(directory)/log"
        let numbers = Array(1...portCount)
        var children: [String: Child] = [:]
        var arguments = [
            qemu, "-nodefaults", "-display", "none", "-accel", "qtest", "-qtest",
            "unix:\(directory)/qtest.sock,server=on,wait=off", "-qtest-log", "none", "-m", "1G", "-object",
            "memory-backend-memfd,id=mem,size=1G,share=on", "-machine", "q35,memory-backend=mem",
        ]
        switch kind {
        case .builtin:
            let properties = "disable-legacy=on,packed=\(layout == .packed ? "on" : "off")"
            arguments += ["-device", "virtio-serial-pci,\(properties),addr=0x\(String(slot, radix: 16))"]
            for number in numbers {
                arguments += [
                    "-chardev", "socket,id=c\(number),path=\(directory)/p\(number),server=on,wait=off", "-device",
                    "virtserialport,chardev=c\(number),name=p\(number),nr=\(number)",
                ]
            }
        case .daemon(let program):
            let (process, path) = try program.start(
                ports: numbers, processor: processors.device, in: directory, log: log)
            children["daemon"] = process
            let properties =
                "virtio-id=3,num_vqs=\(queueCount),vq_size=\(label.queueSize),config_size=12,"
                + "addr=0x\(String(slot, radix: 16))"
            arguments += [
                "-chardev", "socket,id=vus,path=\(path)", "-device",
                "vhost-user-test-device-pci,chardev=vus,\(properties)",
            ]
        }
        let machine = try Child("qemu", arguments, processor: processors.device, log: log)
        children["qemu"] = machine
        let driver = try bringUp(machine, label: label, layout: layout, ports: numbers, directory: directory)
        let peer = try Worker(
            "peer", connectingTo: numbers.map { "\(directory)/p\($0)" }, processor: processors.peer, log: log)
        try driver.waitForClients()
        return DrivenDevice(
            label: label, driver: driver, driverYields: processors.driverYields, peer: peer, children: children
        ) { driver.interruptCount }
    }

    private static func bringUp(
        _ machine: Child, label: DeviceLabel, layout: GuestDriver.Layout, ports: [Int], directory: String
    ) throws -> GuestDriver {
        var connected: QTest?
        try Deadline.wait(seconds: 20, "QEMU listens") {
            try machine.check()
            connected = try? QTest(path: "\(directory)/qtest.sock")
            return connected != nil
        }
        guard let qtest = connected else { throw BenchmarkError("no QEMU") }
        // QEMU listens before its machine is made, and answers only then.
        let function = try PCIFunction(qtest: qtest, device: slot)
        let descriptors = ForeignDescriptors(processID: machine.processID)
        let file = try descriptors.memoryFile("memory-backend-memfd")
        let memory = try GuestRAM(file: file.rawValue, byteCount: memoryByteCount)
        let driver = try GuestDriver(memory: memory, layout: layout, queueSize: label.queueSize, ports: ports)
        try function.enable()
        try function.enableInterrupt(target: driver.interruptAddress, data: 1)
        let device = try VirtioPCIDevice(function: function)
        try device.negotiate(GuestDriver.features(layout))
        for (index, queue) in driver.queues { try device.enableQueue(index, queue.ring) }
        let before = try descriptors.events()
        try device.start()
        let queueCount = try device.queueCount()
        let made = try descriptors.events().subtracting(before).sorted()
        // QEMU makes one for each queue, in order, and only then, for a vhost device, those of the interrupts. Nothing
        // is closed in between, and the kernel gives the lowest free number: they are in order too.
        guard made.count >= queueCount else {
            throw BenchmarkError("QEMU made \(made.count) eventfds for \(queueCount) queues")
        }
        for (index, queue) in driver.queues {
            queue.takeKick(try descriptors.duplicate(made[index]))
        }
        try driver.start()
        return driver
    }
}
