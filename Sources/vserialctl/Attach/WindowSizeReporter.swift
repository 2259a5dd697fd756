import ControlProtocol

/// Tells the guest of a console how large the user's window is.
final class WindowSizeReporter {
    private let name: String
    private let connect: () throws(CommandFailure) -> ControlClient
    /// False once the daemon has refused: who may only look may not do this either the next time.
    private var isAllowed = true
    private var reported: WindowSize?

    init(name: String, connect: @escaping () throws(CommandFailure) -> ControlClient) {
        self.name = name
        self.connect = connect
    }

    /// Reports a size when it is another one than before. A failure is no reason to end: the next change tries again,
    /// over a connection of its own, so that a daemon may be started anew in between.
    func report(_ size: WindowSize?) {
        guard isAllowed, let size, size != reported else { return }
        do throws(CommandFailure) {
            let client = try connect()
            _ = try client.call(
                .portSet,
                ["id": .string(name), "cols": .integer(Int64(size.columns)), "rows": .integer(Int64(size.rows))],
                returning: ControlNothing.self)
            reported = size
        } catch .refused {
            isAllowed = false
        } catch {
            reported = nil
        }
    }

    /// The daemon is another one, which knows nothing of the window.
    func forget() { reported = nil }
}
