import Glibc
import Testing

@testable import vserialctl

@Suite struct LibvirtXMLTests {
    private static let validator = "/usr/bin/virt-xml-validate"
    private static var hasValidator: Bool { unsafe access(validator, X_OK) == 0 }

    @Test("what a domain needs, and nothing that XML takes for its own")
    func text() throws {
        let result = try SpawnedTool.run(["libvirt-xml", "-s", "/a&b'<c", "--max-ports=3"])
        #expect(
            result.output == """
                <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
                  <memoryBacking>
                    <source type='memfd'/>
                    <access mode='shared'/>
                  </memoryBacking>
                  <qemu:commandline>
                    <qemu:arg value='-chardev'/>
                    <qemu:arg value='socket,id=vus,path=/a&amp;b&apos;&lt;c'/>
                    <qemu:arg value='-device'/>
                    <qemu:arg value='vhost-user-test-device-pci,chardev=vus,virtio-id=3,num_vqs=8,vq_size=128,config_size=12'/>
                  </qemu:commandline>
                </domain>

                """)
    }

    @Test(
        "libvirt's schema accepts it in a domain",
        .enabled(if: hasValidator, "needs virt-xml-validate, of Debian's libvirt-clients"))
    func schema() throws {
        func verdict(_ xml: String) throws -> Int32 {
            let lines = xml.split(separator: "\n").map(String.init)
            let rest = """
                <name>vm1</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>
                <os><type arch='x86_64' machine='q35'>hvm</type></os>
                """
            let domain = (lines.prefix(1) + [rest] + lines.dropFirst()).joined(separator: "\n") + "\n"
            let file = try TemporaryFile(domain)
            return try SpawnedTool.run([file.path, "domain"], program: Self.validator).code
        }
        let xml = try SpawnedTool.run(["libvirt-xml", "-s", "/run/vm1/vhost.sock"]).output
        #expect(try verdict(xml) == 0)
        // It is no validator that accepts everything.
        #expect(try verdict(xml.replacing("memoryBacking", with: "memoryBaking")) != 0)
    }
}
