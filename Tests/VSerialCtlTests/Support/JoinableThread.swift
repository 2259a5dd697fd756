import Glibc
import Testing

/// A thread to be joined. An array can hold it, as it cannot a `Thread`.
final class JoinableThread {
    private var handle = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) throws {
        let box = unsafe Unmanaged.passRetained(Box(body))
        let code = unsafe pthread_create(
            &handle, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
        try #require(code == 0)
    }

    func join() { pthread_join(handle, nil) }

    private final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}

func spawn(_ body: @escaping @Sendable () -> Void) throws -> JoinableThread { try JoinableThread(body) }
