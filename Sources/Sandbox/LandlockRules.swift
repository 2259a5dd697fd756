import CLinux
import Glibc
import LinuxIO
import SystemPackage

/// Rights in the needed directories, and nowhere else.
enum LandlockRules {
    /// Binds the process, which must have given up new privileges.
    ///
    /// - Parameters:
    ///   - directories: where sockets and files may be made and removed.
    ///   - readable: a directory whose contents may be read; borrowed.
    /// - Throws: ``SandboxError``.
    static func enforce(
        _ directories: [String], readable: borrowing OwnedFileDescriptor
    ) throws(SandboxError) {
        guard isAvailable else { throw .noLandlock }
        let ruleset = OwnedFileDescriptor(adopting: try step("landlock_create_ruleset") { clinux_landlock_create() })
        for path in directories {
            let directory = OwnedFileDescriptor(
                adopting: try step("open(\(path))") {
                    unsafe open(path, Int32(CLINUX_O_PATH) | O_DIRECTORY | O_CLOEXEC)
                })
            try step("landlock_add_rule(\(path))") {
                clinux_landlock_allow_files(ruleset.rawValue, directory.rawValue)
            }
        }
        let number = readable.rawValue
        try step("landlock_add_rule") { clinux_landlock_allow_reading(ruleset.rawValue, number) }
        try step("landlock_restrict_self") { clinux_landlock_enforce(ruleset.rawValue) }
    }

    static var isAvailable: Bool { clinux_landlock_abi() >= 1 }

    @discardableResult
    private static func step(_ call: String, _ body: () -> Int32) throws(SandboxError) -> Int32 {
        let result = body()
        guard result != -1 else { throw .step("landlock", SystemError(call: call, errno: .last)) }
        return result
    }
}
