import ClientProtocols

/// Whether a running QEMU was told what the device needs.
enum CommandLineChecks {
    private static let names = ["device", "memory-shared", "virtio-id", "config-size", "num-vqs", "vq-size"]

    /// Nothing could be looked at.
    static func notChecked(because reason: String, advice: String? = nil) -> [Check] {
        names.map { .notChecked($0, because: reason, advice: $0 == names.first ? advice : nil) }
    }

    /// Looks at a command line.
    ///
    /// - Parameters:
    ///   - line: QEMU's.
    ///   - maxPorts: the daemon's; nil when it is not known.
    /// - Returns: always the same checks.
    static func checks(of line: QEMUCommandLine, maxPorts: Int?) -> [Check] {
        guard let device = line.devices.first else {
            return [
                .failed(
                    "device", "QEMU has no \(DeviceSettings.driver)",
                    advice: "add what vserialctl qemu-args or libvirt-xml prints")
            ] + notChecked(because: "there is no device").dropFirst()
        }
        return [
            .ok("device", "QEMU has \(PrintableText.escaping(device.head))"),
            memory(line), virtioID(device), configSize(device), queueCount(device, maxPorts: maxPorts),
            queueSize(device),
        ]
    }

    private static func memory(_ line: QEMUCommandLine) -> Check {
        let name = "memory-shared"
        let advice =
            "start QEMU with -object memory-backend-memfd,id=mem,size=SIZE,share=on -machine memory-backend=mem; "
            + "with libvirt see vserialctl libvirt-xml"
        switch line.sharedMemory {
        case true?: return .ok(name, "the guest's memory is shared")
        case false?: return .failed(name, "the guest's memory has no share=on", advice: advice)
        case nil: return .failed(name, "the guest's memory is QEMU's own", advice: advice)
        }
    }

    private static func virtioID(_ device: QEMUCommandLine.Value) -> Check {
        let name = "virtio-id"
        guard device.number(name, default: 0) == DeviceSettings.virtioID else {
            return .failed(
                name, "virtio-id is \(shown(device, name))",
                advice: "virtio-id=\(DeviceSettings.virtioID) makes it a console device")
        }
        return .ok(name, "it is a console device")
    }

    private static func configSize(_ device: QEMUCommandLine.Value) -> Check {
        let name = "config-size"
        let size = device.number("config_size", default: 0) ?? 0
        guard (DeviceSettings.configByteCount...DeviceSettings.maximumConfigByteCount).contains(size) else {
            return .failed(
                name, "config_size is \(shown(device, "config_size"))",
                advice: "config_size=\(DeviceSettings.configByteCount): without it the guest finds no port")
        }
        return .ok(name, "config_size is \(size)")
    }

    private static func queueCount(_ device: QEMUCommandLine.Value, maxPorts: Int?) -> Check {
        let name = "num-vqs"
        guard let maxPorts, (1...DeviceSettings.maximumMaxPorts).contains(maxPorts) else {
            return .notChecked(name, because: "the daemon's max-ports is not known")
        }
        let needed = DeviceSettings.queueCount(maxPorts: maxPorts)
        guard let count = device.number("num_vqs", default: 1), count >= needed else {
            return .failed(
                name, "num_vqs is \(shown(device, "num_vqs")), and \(maxPorts) ports need \(needed)",
                advice: "num_vqs=\(needed), or a lower --max-ports of the daemon")
        }
        return .ok(name, "num_vqs is \(count), enough for \(maxPorts) ports")
    }

    private static func queueSize(_ device: QEMUCommandLine.Value) -> Check {
        let name = "vq-size"
        let size = device.number("vq_size", default: 64) ?? 0
        guard (2...DeviceSettings.maximumQueueSize).contains(size), size.nonzeroBitCount == 1 else {
            return .failed(
                name, "vq_size is \(shown(device, "vq_size"))",
                advice: "a power of two, at most \(DeviceSettings.maximumQueueSize): vq_size=128")
        }
        return .ok(name, "vq_size is \(size)")
    }

    private static func shown(_ device: QEMUCommandLine.Value, _ key: String) -> String {
        device.keys[key].map(PrintableText.escaping) ?? "missing"
    }
}
