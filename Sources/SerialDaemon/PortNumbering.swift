/// Which port gets which number.
///
/// Explicit numbers first, wherever they stand. Then each remaining port in the operator's order: a console takes the
/// lowest free number from 0; any other port the lowest free from 1, and 0 only when nothing else is left, because
/// guests expect a console at port 0 (QEMU reserves it). In the operator's order and not all consoles first, as QEMU
/// does: a console added at the end of the list renumbers nothing.
package enum PortNumbering {
    /// Numbers all ports.
    ///
    /// - Parameters:
    ///   - ports: in the operator's order.
    ///   - maxPorts: numbers are below it.
    /// - Returns: one number for each port, in the same order.
    /// - Throws: ``ConfigurationError``: too many ports, a number out of range, or one given twice.
    package static func assign(_ ports: [PortOptions], maxPorts: Int) throws(ConfigurationError) -> [Int] {
        guard ports.count <= maxPorts else { throw .tooManyPorts(count: ports.count, maxPorts: maxPorts) }
        var owners = [String?](repeating: nil, count: maxPorts)
        for port in ports {
            guard let number = port.number else { continue }
            guard owners.indices.contains(number) else {
                throw .portNumberTooHigh(number: number, port: port.name, maxPorts: maxPorts)
            }
            if let owner = owners[number] { throw .portNumberTwice(number: number, first: owner, second: port.name) }
            owners[number] = port.name
        }
        var numbers: [Int] = []
        for port in ports {
            let candidates = port.isConsole == true ? Array(0..<maxPorts) : Array(1..<maxPorts) + [0]
            // One is always free: there are no more ports than numbers.
            guard let number = port.number ?? candidates.first(where: { owners[$0] == nil }) else {
                throw .tooManyPorts(count: ports.count, maxPorts: maxPorts)
            }
            owners[number] = port.name
            numbers.append(number)
        }
        return numbers
    }
}
