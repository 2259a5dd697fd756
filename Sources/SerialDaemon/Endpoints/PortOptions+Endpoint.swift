import LinuxIO

extension PortOptions {
    /// What the port is bound to, under the rules between the keys that say so.
    func endpoint(in socketDirectory: String?) throws(ConfigurationError) -> EndpointConfiguration {
        let kind = kind ?? .socket
        switch kind {
        case .socket: return try socketEndpoint(in: socketDirectory)
        case .pty: return .terminal(link: path)
        case .file: return .file(try requiredPath(of: kind), appends: appends ?? false)
        case .pipe: return .fifos(try requiredPath(of: kind))
        case .stdio: return .standardStreams
        case .null: return .null
        }
    }

    private func socketEndpoint(in socketDirectory: String?) throws(ConfigurationError) -> EndpointConfiguration {
        if let inheritedDescriptor {
            let keys: [(PortKey, Bool)] = [
                (.path, path != nil), (.server, isServer != nil), (.type, socketType != nil),
                (.reconnect, reconnectNanoseconds != nil), (.owner, access.owner != nil), (.group, access.group != nil),
                (.mode, access.mode != nil),
            ]
            if let (key, _) = keys.first(where: \.1) { throw .keyOfInheritedSocket(key, port: name) }
            return .inherited(inheritedDescriptor)
        }
        let address = try socketAddress(in: socketDirectory)
        let type = socketType ?? .stream
        guard isServer == false else {
            guard reconnectNanoseconds == nil else { throw .reconnectOfListener(port: name) }
            return .listener(address, type)
        }
        guard access == EndpointAccess() else { throw .accessOfConnector(port: name) }
        let delay = reconnectNanoseconds.map { EndpointConfiguration.ReconnectDelay(longestNanoseconds: $0) }
        return .connector(address, type, delay ?? EndpointConfiguration.ReconnectDelay())
    }

    private func socketAddress(in socketDirectory: String?) throws(ConfigurationError) -> UnixAddress {
        if let path { return try ConfigurationError.address(path, of: "path=") }
        guard let socketDirectory else { throw .portWithoutPath(name) }
        return try ConfigurationError.address("\(socketDirectory)/\(name)", of: "--socket-dir: ")
    }

    private func requiredPath(of kind: EndpointKind) throws(ConfigurationError) -> String {
        guard let path else { throw .kindWithoutPath(kind, port: name) }
        return path
    }

    /// What a kind has no use for is refused: a key that is taken and has no effect would be worse.
    func refuseForeignKeys(of kind: EndpointKind) throws(ConfigurationError) {
        let isSocket = kind == .socket
        let keys: [(key: PortKey, isGiven: Bool, isAllowed: Bool)] = [
            (.path, path != nil, kind != .stdio && kind != .null),
            (.server, isServer != nil, isSocket), (.wait, waitsForClient != nil, isSocket || kind == .pty),
            (.reconnect, reconnectNanoseconds != nil, isSocket), (.type, socketType != nil, isSocket),
            (.descriptor, inheritedDescriptor != nil, isSocket), (.append, appends != nil, kind == .file),
            (.clients, clientLimit != nil, isSocket), (.writers, writerLimit != nil, isSocket),
            (.scrollback, scrollbackByteCount != nil, isSocket || kind == .pty),
            (.owner, access.owner != nil, isSocket || kind == .pty || kind == .file),
            (.group, access.group != nil, isSocket || kind == .pty || kind == .file),
            (.mode, access.mode != nil, isSocket || kind == .pty || kind == .file),
            (.allowedUsers, !(allowedUsers ?? []).isEmpty, isSocket),
            (.allowedGroups, !(allowedGroups ?? []).isEmpty, isSocket),
            (.guestClose, guestClose != nil && guestClose != .keep, isSocket),
            (.linger, lingerNanoseconds != nil, isSocket || kind == .pty),
        ]
        for (key, isGiven, isAllowed) in keys where isGiven && !isAllowed {
            throw .keyOfOtherKind(key, kind, port: name)
        }
    }
}
