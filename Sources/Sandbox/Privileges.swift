import CCapNG
import CLinux
import Glibc
import LinuxIO

/// User, groups and capabilities, given up for good.
///
/// The order is libcap-ng 0.8.3's own, as measured on Debian 12: lock first, because changing the id takes the capability
/// that locking needs; and always with numbers, because a group of -1 would keep the supplementary groups.
enum Privileges {
    /// Whether there is something to give up: root has it, unless a container took it away.
    static var areHeld: Bool {
        capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, UInt32(CAP_SETPCAP)) == 1
    }

    /// Becomes `identity`, or stays who it is, without any capability.
    ///
    /// - Parameters:
    ///   - identity: whom to become; `nil` for nobody else.
    ///   - wereHeld: ``areHeld`` before anything was done; a user namespace gives capabilities of its own.
    /// - Throws: ``SandboxError``.
    static func drop(to identity: Identity?, wereHeld: Bool) throws(SandboxError) {
        capng_clear(CAPNG_SELECT_ALL)
        if wereHeld {
            let identity = identity ?? Identity(user: getuid(), group: getgid())
            // Securebits: no execution and no change of user gives a capability back.
            try check("capng_lock", capng_lock())
            let flags = capng_flags_t(
                CAPNG_DROP_SUPP_GRP.rawValue | CAPNG_CLEAR_BOUNDING.rawValue | CAPNG_CLEAR_AMBIENT.rawValue)
            try check(
                "capng_change_id",
                capng_change_id(Int32(bitPattern: identity.user), Int32(bitPattern: identity.group), flags))
        } else {
            // In a user namespace of our own there are capabilities to lose; elsewhere there are none, and the bounding
            // set, which only a privileged process can change, does not matter.
            try check(
                "capng_apply",
                capng_apply(capng_select_t(rawValue: CAPNG_SELECT_CAPS.rawValue | CAPNG_SELECT_AMBIENT.rawValue)))
        }
        guard clinux_forbid_new_privileges() == 0 else {
            throw .step("giving up privileges", SystemError(call: "prctl(PR_SET_NO_NEW_PRIVS)", errno: .last))
        }
    }

    private static func check(_ function: String, _ result: Int32) throws(SandboxError) {
        guard result == 0 else { throw .library(function, result) }
    }
}
