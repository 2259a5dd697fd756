import CLinux
import Glibc
import LinuxIO
import SystemPackage

/// The process, shut in: what a guest or a client that took it over would find.
///
/// The order matters, and each step needs rights that a later one takes away (see docs/security.md):
///
/// 1. ``enter(_:)`` on the only thread, when all sockets are open: namespaces or not, capabilities and user, Landlock, and
///    the list of system calls of ``ThreadKind/starting``.
/// 2. ``confine(_:)`` on each thread, first thing: its own narrower list.
/// 3. ``verify()``, when all threads have theirs and before any of them serves anybody: `/proc` is looked at, and what is
///    not as asked is an error.
package struct Sandbox: ~Copyable {
    /// What keeps the process in, after all.
    package let confinement: Confinement
    /// Why it is not the strongest, when the operator left the choice; `nil` otherwise.
    package let fallbackReason: String?
    package let filterAction: FilterAction
    package let duties: ControlDuties
    private let expectation: ThreadStatus.Expectation
    /// Of the kernel's Landlock; asked for while that was allowed.
    private let landlockABI: Int32
    private let tasks: TaskDirectory

    /// Shuts the process in.
    ///
    /// - Throws: ``SandboxError``. The process is then in a state between, and must end.
    package static func enter(_ options: SandboxOptions) throws(SandboxError) -> Sandbox {
        let tasks = try TaskDirectory()
        let threadCount = try tasks.threads().count
        guard threadCount == 1 else { throw .tooLate(threadCount: threadCount) }
        let wasPrivileged = Privileges.areHeld
        guard wasPrivileged || options.identity == nil else { throw .notRoot }
        let directories = try canonical(options.directories)

        let (confinement, reason) = try confine(options, directories: directories, isPrivileged: wasPrivileged)
        limitResources()
        try Privileges.drop(to: options.identity, wereHeld: wasPrivileged)
        // Tried here, because the list of system calls would end the process for it.
        if geteuid() != 0, setuid(0) == 0 { throw .notAsAsked("setuid(0) is allowed") }
        // Best effort: kernels before 6.3 do not know it, and the list of system calls says the same.
        _ = clinux_forbid_executable_memory()
        guard clinux_forbid_dumping() == 0 else {
            throw .step("core dumps", SystemError(call: "prctl(PR_SET_DUMPABLE)", errno: .last))
        }
        if confinement == .landlock {
            try LandlockRules.enforce(directories, readable: tasks.descriptor)
        }
        let expectation = ThreadStatus.Expectation(
            identity: options.identity ?? Identity(user: geteuid(), group: getegid()), wasPrivileged: wasPrivileged,
            filterCount: options.filterAction == .none ? 0 : 2)
        let landlockABI = clinux_landlock_abi()
        try SystemCallFilter.load(
            .starting, duties: options.duties, action: options.filterAction)
        return Sandbox(
            confinement: confinement, fallbackReason: reason, filterAction: options.filterAction,
            duties: options.duties, expectation: expectation, landlockABI: landlockABI, tasks: tasks)
    }

    /// Gives the calling thread the list of its kind.
    package static func confine(
        _ kind: ThreadKind, duties: ControlDuties = [], action: FilterAction
    ) throws(SandboxError) {
        try SystemCallFilter.load(kind, duties: duties, action: action)
    }

    /// Looks at every thread as the kernel sees it, and lets go of `/proc`: from a directory that is held, `..` leads to
    /// the old root.
    ///
    /// - Returns: what was found.
    /// - Throws: ``SandboxError/notAsAsked(_:)``.
    package consuming func verify() throws(SandboxError) -> VerifiedSandbox {
        let threads = try tasks.threads()
        for thread in threads {
            if let problem = thread.problem(against: expectation) {
                throw .notAsAsked("thread \(thread.name): \(problem)")
            }
        }
        return VerifiedSandbox(
            confinement: confinement, filterAction: filterAction, identity: expectation.identity,
            landlockABI: landlockABI, threadCount: threads.count)
    }

    // MARK: Steps

    private static func confine(
        _ options: SandboxOptions, directories: [String], isPrivileged: Bool
    ) throws(SandboxError) -> (Confinement, reason: String?) {
        let hidesPeers = !isPrivileged && options.needsPeerIdentities
        switch options.confinement {
        case .namespace?:
            if hidesPeers { throw .peersHidden }
            try PrivateRoot.unshare(withUserNamespace: !isPrivileged)
            try PrivateRoot.enter(directories)
            return (.namespace, nil)
        case .landlock?:
            guard LandlockRules.isAvailable else { throw .noLandlock }
            return (.landlock, nil)
        case Confinement.none?: return (.none, nil)
        case nil:
            return try confineAsWellAsPossible(directories, isPrivileged: isPrivileged, hidesPeers: hidesPeers)
        }
    }

    private static func confineAsWellAsPossible(
        _ directories: [String], isPrivileged: Bool, hidesPeers: Bool
    ) throws(SandboxError) -> (Confinement, reason: String?) {
        var reason = "a user namespace would hide the peers of allow-uids= and allow-gids="
        if !isPrivileged, geteuid() == 0 {
            // In a container. Linux lets no process without CAP_SETFCAP be root in a new namespace that is root outside.
            reason = "root without capabilities can have no user namespace"
        } else if !hidesPeers {
            do {
                try PrivateRoot.unshare(withUserNamespace: !isPrivileged)
                try PrivateRoot.enter(directories)
                return (.namespace, nil)
            } catch .step(PrivateRoot.unsharing, let error) {
                reason = "no namespaces (\(error))"
            }
        }
        guard LandlockRules.isAvailable else { return (.none, reason + ", and this kernel has no Landlock") }
        return (.landlock, reason)
    }

    /// Absolute, symbolic links resolved, each before those below it.
    private static func canonical(_ directories: [String]) throws(SandboxError) -> [String] {
        var resolved: Set<String> = []
        for path in directories {
            guard let real = unsafe realpath(path, nil) else {
                throw .step("directory \(path)", SystemError(call: "realpath", errno: .last))
            }
            // SAFETY: realpath(3) gave a string of its own, which is copied and then freed.
            resolved.insert(unsafe String(cString: real))
            unsafe free(real)
        }
        return resolved.sorted()
    }

    /// No core dump: it would have the guest's bytes in it. No memory of the host's that cannot be swapped out. What cannot
    /// be lowered is low already.
    private static func limitResources() {
        for resource in [RLIMIT_CORE, __RLIMIT_MEMLOCK] {
            var none = rlimit(rlim_cur: 0, rlim_max: 0)
            _ = unsafe setrlimit(__rlimit_resource_t(resource.rawValue), &none)
        }
    }
}
