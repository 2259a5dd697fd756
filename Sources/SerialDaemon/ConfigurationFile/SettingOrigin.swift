package import TOML

/// Where a setting was written.
package enum SettingOrigin: Equatable, Sendable {
    case commandLine
    case file(path: String, TOMLPosition)

    /// In the file.
    var position: TOMLPosition? {
        guard case .file(_, let position) = self else { return nil }
        return position
    }
}

extension SettingOrigin: CustomStringConvertible {
    /// `the command line`, or `vm.toml:3:1`.
    package var description: String {
        switch self {
        case .commandLine: "the command line"
        case .file(let path, let position): "\(path.escaped):\(position.line):\(position.column)"
        }
    }
}
