/// What `/proc/PID/task/TID/status` says about one thread's rights (proc(5)).
package struct ThreadStatus: Equatable, Sendable {
    package var name = ""
    /// Real, effective, saved and file system user.
    package var users: [UInt32] = []
    package var groups: [UInt32] = []
    package var supplementaryGroups: [UInt32] = []
    /// Inheritable, permitted, effective, bounding and ambient set.
    package var inheritable: UInt64 = .max
    package var permitted: UInt64 = .max
    package var effective: UInt64 = .max
    package var bounding: UInt64 = .max
    package var ambient: UInt64 = .max
    package var hasNoNewPrivileges = false
    /// 2: the thread has filters.
    package var seccompMode = 0
    package var filterCount = 0

    /// Reads the text; what is missing or makes no sense stays at the value that no check accepts.
    package init(parsing text: String) {
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let words = line[line.index(after: colon)...].split { $0 == "\t" || $0 == " " }
            let first = words.first ?? ""
            switch line[..<colon] {
            case "Name": name = String(first)
            case "Uid": users = words.compactMap { UInt32($0) }
            case "Gid": groups = words.compactMap { UInt32($0) }
            case "Groups": supplementaryGroups = words.compactMap { UInt32($0) }
            case "CapInh": inheritable = UInt64(first, radix: 16) ?? .max
            case "CapPrm": permitted = UInt64(first, radix: 16) ?? .max
            case "CapEff": effective = UInt64(first, radix: 16) ?? .max
            case "CapBnd": bounding = UInt64(first, radix: 16) ?? .max
            case "CapAmb": ambient = UInt64(first, radix: 16) ?? .max
            case "NoNewPrivs": hasNoNewPrivileges = first == "1"
            case "Seccomp": seccompMode = Int(first) ?? 0
            case "Seccomp_filters": filterCount = Int(first) ?? 0
            default: break
            }
        }
    }

    /// What a thread must look like.
    package struct Expectation: Equatable, Sendable {
        package var identity: Identity
        /// Only a process that had capabilities could empty its bounding set and its groups.
        package var wasPrivileged: Bool
        /// How many filters at least; 0 when there are to be none.
        package var filterCount: Int

        package init(identity: Identity, wasPrivileged: Bool, filterCount: Int) {
            self.identity = identity
            self.wasPrivileged = wasPrivileged
            self.filterCount = filterCount
        }
    }

    /// What is wrong, in the kernel's words; `nil` when nothing is.
    package func problem(against expected: Expectation) -> String? {
        if users != Array(repeating: expected.identity.user, count: 4) { return "Uid is \(users)" }
        if groups != Array(repeating: expected.identity.group, count: 4) { return "Gid is \(groups)" }
        if expected.wasPrivileged, !supplementaryGroups.isEmpty { return "Groups is \(supplementaryGroups)" }
        let sets = [("CapInh", inheritable), ("CapPrm", permitted), ("CapEff", effective), ("CapAmb", ambient)]
        for (name, set) in sets + (expected.wasPrivileged ? [("CapBnd", bounding)] : []) where set != 0 {
            return "\(name) is \(String(set, radix: 16))"
        }
        if !hasNoNewPrivileges { return "NoNewPrivs is 0" }
        if expected.filterCount > 0, seccompMode != 2 || filterCount < expected.filterCount {
            return "Seccomp is \(seccompMode) with \(filterCount) filters"
        }
        return nil
    }
}
