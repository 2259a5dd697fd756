import VirtioConsole

extension PortConfiguration {
    /// The keys that can be changed while the port is there.
    static let changeableKeys: Set<PortKey> = [
        .columns, .rows, .clientsAbsent, .bufferSize, .guestClose, .linger, .expectOpen, .allowedUsers, .allowedGroups,
        .clients, .writers, .scrollback, .rate,
    ]

    /// The port with some keys changed, under the rules of the keys of `--port`.
    ///
    /// - Parameter options: what is `nil` stays as it is.
    /// - Returns: the same port, name and number, as it is to be.
    /// - Throws: ``ConfigurationError``, the operator's.
    func changed(by options: PortOptions) throws(ConfigurationError) -> PortConfiguration {
        var all = options
        all.number = number
        all.access = access
        all.clientLimit = options.clientLimit ?? (clientLimit > 1 ? clientLimit : nil)
        all.writerLimit = options.writerLimit ?? (writerLimit > 1 ? writerLimit : nil)
        all.scrollbackByteCount = options.scrollbackByteCount ?? (scrollbackByteCount > 0 ? scrollbackByteCount : nil)
        all.waitsForClient = waitsForClient ? true : nil
        all.isConsole = isConsole
        all.columns = options.columns ?? size?.columns
        all.rows = options.rows ?? size?.rows
        all.resizeOrder = isConsole ? resizeOrder : nil
        all.clientsAbsent = options.clientsAbsent ?? clientsAbsent
        if all.clientsAbsent == .buffer { all.bufferByteCount = options.bufferByteCount ?? bufferByteCount }
        all.guestClose = options.guestClose ?? guestClose
        all.lingerNanoseconds = options.lingerNanoseconds ?? lingerNanoseconds
        all.expectOpenNanoseconds = options.expectOpenNanoseconds ?? expectOpenNanoseconds
        all.allowedUsers = options.allowedUsers ?? Array(peerPolicy.users)
        all.allowedGroups = options.allowedGroups ?? Array(peerPolicy.groups)
        all.bytesPerSecond = options.bytesPerSecond ?? bytesPerSecond
        var changed = try all.configuration(number: number, endpoint: endpoint)
        changed.transcript = transcript
        return changed
    }
}
