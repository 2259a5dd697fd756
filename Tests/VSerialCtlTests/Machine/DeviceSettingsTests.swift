import Testing

@testable import vserialctl

@Suite struct DeviceSettingsTests {
    @Test("two rings for each port and two for control", arguments: [(1, 4), (31, 64), (127, 256)])
    func queues(maxPorts: Int, count: Int) {
        #expect(DeviceSettings.queueCount(maxPorts: maxPorts) == count)
    }

    @Test("a comma in a path is two for QEMU")
    func commas() {
        let device = DeviceSettings(socketPath: "/a,b,/c", maxPorts: 3, queueSize: 64)
        #expect(device.chardev == "socket,id=vus,path=/a,,b,,/c")
        #expect(
            device.device
                == "vhost-user-test-device-pci,chardev=vus,virtio-id=3,num_vqs=8,vq_size=64,config_size=12")
    }
}
