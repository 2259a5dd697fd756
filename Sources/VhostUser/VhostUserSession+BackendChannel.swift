public import LinuxIO

// What the back-end says unasked: so far, that the config space changed.

extension VhostUserSession {
    /// SET_BACKEND_REQ_FD: the newest socket counts, the former is closed.
    mutating func setBackendChannel(
        _ descriptor: consuming OwnedFileDescriptor
    ) throws(ProtocolError) -> SessionEffect {
        try requireNegotiated(.setBackendReqFd)
        do {
            guard try !InheritedSocket.isListening(descriptor.rawValue) else { throw ProtocolError.notAConnectedSocket }
        } catch let error as ProtocolError {
            throw error
        } catch {
            throw .notAConnectedSocket
        }
        backendChannel = BackendChannel(UnixStream(adopting: descriptor))
        return .none
    }

    /// Has the guest interrupted because the config space changed, so that it reads it again.
    ///
    /// Never blocks, and asks for no answer. What cannot be sent now, for want of a socket, of room in it, or because
    /// all rings are stopped, is sent by a later ``flushBackendChannel()``; changes in between become one.
    ///
    /// - Throws: `SystemError` when the socket failed; it is closed then, and the session goes on without.
    public mutating func sendConfigChange() throws(SystemError) {
        configChangeIsPending = true
        try flushBackendChannel()
    }

    /// Sends what ``sendConfigChange()`` could not send. Cheap when there is nothing; call it once per turn.
    ///
    /// - Throws: as ``sendConfigChange()``.
    public mutating func flushBackendChannel() throws(SystemError) {
        guard backendChannel != nil else { return }
        do {
            var outcome = try backendChannel?.flush()
            // vhost-user "Suspended device state": with all rings stopped the back-end sends nothing.
            if outcome == .sent, configChangeIsPending, acknowledgedProtocolFeatures.contains(.configuration),
                isAnyRingRunning
            {
                outcome = try backendChannel?.send(.configChange)
                configChangeIsPending = outcome != .sent
            }
            if outcome == .closed {
                backendChannel = nil
            }
        } catch {
            backendChannel = nil
            throw error
        }
    }
}
