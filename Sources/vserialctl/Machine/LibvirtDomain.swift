/// A device in the XML of a libvirt domain.
enum LibvirtDomain {
    /// What a domain needs, in a `<domain>` that has nothing else. libvirt knows no such device: it hands the arguments on.
    static func xml(_ device: DeviceSettings) -> String {
        let arguments = ["-chardev", device.chardev, "-device", device.device]
            .map { "    <qemu:arg value='\(escaped($0))'/>\n" }.joined()
        return """
            <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
              <memoryBacking>
                <source type='memfd'/>
                <access mode='shared'/>
              </memoryBacking>
              <qemu:commandline>
            \(arguments)  </qemu:commandline>
            </domain>

            """
    }

    private static func escaped(_ text: String) -> String {
        text.map { character in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            case "'": "&apos;"
            default: String(character)
            }
        }.joined()
    }
}
