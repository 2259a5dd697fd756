import Testing

@testable import vserialctl

@Suite struct CommandLineChecksTests {
    private func verdicts(
        _ device: String, memory: String = "share=on", maxPorts: Int? = 31
    ) -> [String: Check.Verdict] {
        let line = QEMUCommandLine([
            "qemu", "-object", "memory-backend-memfd,id=mem,\(memory)", "-machine", "memory-backend=mem", "-device",
            device,
        ])
        let checks = CommandLineChecks.checks(of: line, maxPorts: maxPorts)
        return Dictionary(checks.map { ($0.name, $0.verdict) }) { _, _ in .failed }
    }

    @Test("what qemu-args prints is in order")
    func good() {
        let device = DeviceSettings(socketPath: "/a", maxPorts: 31, queueSize: 128)
        let words = QEMUArguments.pairs(device, memory: "512M").flatMap { [$0.option, $0.value] }
        let checks = CommandLineChecks.checks(of: QEMUCommandLine(["qemu"] + words), maxPorts: 31)
        #expect(checks.map(\.verdict) == Array(repeating: .ok, count: 6))
    }

    private static let device = "vhost-user-test-device-pci,virtio-id=3,num_vqs=64,config_size=12"

    @Test(
        "each fault is found, and no other",
        arguments: [
            ("virtio-id=3", "virtio-id=4", "virtio-id"), (",virtio-id=3", "", "virtio-id"),
            (",config_size=12", "", "config-size"), ("config_size=12", "config_size=8", "config-size"),
            ("config_size=12", "config_size=300", "config-size"), ("num_vqs=64", "num_vqs=63", "num-vqs"),
            (",num_vqs=64", "", "num-vqs"), ("num_vqs=64", "num_vqs=64,vq_size=2048", "vq-size"),
            ("num_vqs=64", "num_vqs=64,vq_size=100", "vq-size"),
        ])
    func faults(part: String, replacement: String, name: String) {
        let found = verdicts(Self.device.replacing(part, with: replacement))
        #expect(found.filter { $0.value != .ok }.keys.sorted() == [name])
        #expect(found[name] == .failed)
    }

    @Test("memory that is not shared")
    func memory() {
        #expect(verdicts(Self.device, memory: "share=off")["memory-shared"] == .failed)
        #expect(verdicts(Self.device)["memory-shared"] == .ok)
    }

    @Test("without the daemon nobody knows how many queues there must be")
    func unknown() {
        #expect(verdicts(Self.device, maxPorts: nil)["num-vqs"] == .notChecked)
        // Not a number of ports: nothing is computed with it.
        #expect(verdicts(Self.device, maxPorts: .max)["num-vqs"] == .notChecked)
    }

    @Test("no device is one fault")
    func none() {
        let found = verdicts("e1000")
        #expect(found["device"] == .failed)
        #expect(found.values.filter { $0 == .notChecked }.count == 5)
    }
}
