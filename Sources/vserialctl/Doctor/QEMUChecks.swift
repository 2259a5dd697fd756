import ClientProtocols

/// Whether a QEMU can have the device.
enum QEMUChecks {
    static let usualProgram = "qemu-system-x86_64"

    /// A running QEMU has the device: another one's version says nothing about it.
    static let notNeeded = ["qemu-version", "qemu-device"].map {
        Check.notChecked($0, because: "the running QEMU has the device")
    }

    /// Looks at a program.
    static func checks(ofProgram program: String) -> [Check] {
        let version = version(ofProgram: program)
        guard version.verdict == .ok else {
            return [version, .notChecked("qemu-device", because: "qemu-version comes first")]
        }
        return [version, device(in: ProgramOutput.run(program, ["-device", "help"]))]
    }

    private static func version(ofProgram program: String) -> Check {
        version(of: program, printed: ProgramOutput.run(program, ["--version"]))
    }

    static func version(of program: String, printed output: ProgramOutput) -> Check {
        let name = "qemu-version"
        let program = PrintableText.escaping(program)
        let wanted = DeviceSettings.firstVersion
        switch output {
        case .notFound:
            return .failed(
                name, "there is no \(program)",
                advice: "install QEMU \(wanted) or newer, or say where with --qemu PATH")
        case .failed(let reason):
            return .failed(name, "\(program) does not run: \(reason)", advice: "say which QEMU with --qemu PATH")
        case .text(let text):
            guard let found = QEMUVersion(printed: text) else {
                return .failed(name, "\(program) is no QEMU", advice: "say which QEMU with --qemu PATH")
            }
            guard found >= wanted else {
                return .failed(
                    name, "\(program) is QEMU \(found)",
                    advice: "\(DeviceSettings.driver) needs \(wanted) or newer; say where another is with --qemu PATH")
            }
            return .ok(name, "\(program) is QEMU \(found)")
        }
    }

    static func device(in output: ProgramOutput) -> Check {
        let name = "qemu-device"
        guard case .text(let text) = output else {
            return .notChecked(name, because: "QEMU does not list its devices")
        }
        guard text.contains("name \"\(DeviceSettings.driver)\"") else {
            return .failed(
                name, "this QEMU has no \(DeviceSettings.driver)",
                advice: "it was built without vhost-user, or its modules are missing: install another QEMU")
        }
        return .ok(name, "it has \(DeviceSettings.driver)")
    }
}
