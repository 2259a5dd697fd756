import ArgumentParser

/// `vserialctl libvirt-xml`: what a libvirt domain must have.
struct LibvirtXML: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "libvirt-xml",
        abstract: "Print what a libvirt domain's XML needs.",
        discussion: """
            Put the two elements into the domain, and the namespace (xmlns:qemu) into \
            its <domain>: virsh edit forgets the arguments without it. QEMU's user must \
            be allowed to connect to the socket.
            """)

    @OptionGroup var control: ControlOptions
    @OptionGroup var device: DeviceOptions

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            try StandardOutput.write(LibvirtDomain.xml(try device.settings(of: control)))
        }
    }
}
