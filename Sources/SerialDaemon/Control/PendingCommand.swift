import ControlProtocol

/// A command that the device thread was asked for and has not yet answered.
///
/// The server keeps it and not the connection: what the device has done must stand in our books, whoever is still there to
/// hear of it.
struct PendingCommand {
    /// The number of the connection that it came by.
    let connection: UInt32
    let id: JSONValue?
    /// Enters in the books what the device has done, and says what that means to whoever asked.
    let finish: (DeviceAnswer) throws(ControlFailure) -> any Codable & Sendable
}
