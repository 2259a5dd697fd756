import VirtioConsole

extension PortDescription {
    /// What the guest gets to know of a configured port.
    init(_ port: PortConfiguration) {
        self.init(name: port.name, isConsole: port.isConsole, size: port.size, resizeOrder: port.resizeOrder)
    }
}
