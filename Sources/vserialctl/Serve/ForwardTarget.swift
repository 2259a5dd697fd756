import ArgumentParser
import Glibc
import LinuxIO
import SystemPackage

/// Where `forward` connects to: `tcp:HOST:PORT`, with an IPv6 address in brackets, or `unix:PATH`.
enum ForwardTarget: ExpressibleByArgument, Equatable, CustomStringConvertible {
    case tcp(host: String, port: UInt16)
    case unix(UnixAddress)

    init?(argument: String) {
        guard let colon = argument.firstIndex(of: ":") else { return nil }
        let rest = String(argument[argument.index(after: colon)...])
        switch argument[..<colon] {
        case "unix":
            guard let address = try? UnixAddress(rest) else { return nil }
            self = .unix(address)
        case "tcp":
            guard let last = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: last)...]), port > 0
            else { return nil }
            var host = rest[..<last]
            if host.hasPrefix("["), host.hasSuffix("]") {
                host = host.dropFirst().dropLast()
            } else if host.contains(":") {
                return nil
            }
            guard !host.isEmpty else { return nil }
            self = .tcp(host: String(host), port: port)
        default: return nil
        }
    }

    var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "tcp:[\(host)]:\(port)" : "tcp:\(host):\(port)"
        case .unix(let address): "unix:\(address)"
        }
    }
}
