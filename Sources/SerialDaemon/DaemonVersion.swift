import ControlProtocol

/// The daemon's version, in one place.
package enum DaemonVersion {
    private static let numbers = (major: 0, minor: 1, micro: 0)

    package static let text = "\(numbers.major).\(numbers.minor).\(numbers.micro)"

    /// As QMP tells it.
    static let control = ControlVersion(
        qemu: .init(major: numbers.major, minor: numbers.minor, micro: numbers.micro),
        package: "vhost-user-serial \(text)")
}
