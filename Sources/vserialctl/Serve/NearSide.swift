/// What is put at a port each time the guest opens it.
protocol NearSide: AnyObject {
    /// When a relay with it is over.
    var ending: Relay.Ending { get }

    /// Starts it.
    ///
    /// - Throws: `incomplete` when there is nothing to talk with this time; another failure ends the command.
    func open() throws(CommandFailure) -> SocketEnd

    /// Whether it has ended by itself, in a way that its end of the relay does not show.
    func hasEnded() -> Bool

    /// Ends it, and waits until it has gone. A signal must be heard meanwhile.
    func close(_ end: SocketEnd, signals: ServiceSignals) throws(CommandFailure)
}
