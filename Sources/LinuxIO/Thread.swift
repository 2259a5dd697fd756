import CLinux
import Glibc
import SystemPackage

/// A POSIX thread with a name.
///
/// A thread inherits the signal mask of the one that starts it: block signals first (``SignalFileDescriptor``), and
/// they stay with the thread that reads them.
public struct Thread: ~Copyable, Sendable {
    private let handle: pthread_t

    private init(handle: pthread_t) {
        self.handle = handle
    }

    deinit {
        // Not joined: let the kernel free the thread by itself when it ends.
        pthread_detach(handle)
    }

    /// Starts a thread that runs `body` once.
    ///
    /// The corresponding C functions are `pthread_create(3)` and `prctl(2)` with `PR_SET_NAME`.
    ///
    /// - Parameters:
    ///   - name: as `ps -L` shows it; the kernel keeps the first 15 bytes.
    ///   - body: handed over whole: nothing it captured is used by the caller afterwards. Released on the new thread
    ///     when it returns.
    /// - Returns: the thread. One that is dropped without ``join()`` goes on by itself.
    /// - Throws: ``SystemError``; `EAGAIN` when the process may have no more threads. `body` was not run then.
    public static func spawn(name: String, _ body: sending @escaping () -> Void) throws(SystemError) -> Thread {
        // SAFETY: one retain here, one release: on the new thread, or below when there is none.
        let handOver = unsafe Unmanaged.passRetained(ThreadBody(name: name, run: body))
        var handle = pthread_t()
        let code = unsafe pthread_create(
            &handle, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let body = unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue()
                unsafe clinux_name_current_thread(body.name)
                body.run()
                return nil
            }, handOver.toOpaque())
        guard code == 0 else {
            unsafe handOver.release()
            throw SystemError(call: "pthread_create", errno: Errno(rawValue: code))
        }
        return Thread(handle: handle)
    }

    /// Waits until the thread has ended. The corresponding C function is `pthread_join(3)`.
    ///
    /// Everything the thread did happened before this returns. Not to be called by the thread itself.
    public consuming func join() {
        let handle = handle
        discard self
        // The thread was created joinable and neither joined nor detached: both consume the value.
        let code = pthread_join(handle, nil)
        precondition(code == 0, "a thread cannot wait for itself")
    }
}

/// Carries a body from the thread that starts to the one that runs.
///
/// `@unchecked` because the closure may have captured anything. Sound because it arrives as `sending`, so that the
/// starter keeps no part of it, and because exactly one thread, the new one, takes it out of here.
private final class ThreadBody: @unchecked Sendable {
    let name: String
    let run: () -> Void

    init(name: String, run: sending @escaping () -> Void) {
        self.name = name
        self.run = run
    }
}
