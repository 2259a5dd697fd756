import LinuxIO
import Logging
import Sandbox
import VirtioConsole

extension DaemonConfiguration {
    /// The value of an option that nobody gave; `nil` when it then has none.
    func text(of option: OptionKey) -> String? {
        switch option {
        case .maxPorts: "\(maxPorts)"
        case .packedRings: offersPackedRings ? "on" : "off"
        case .pollMicroseconds: "\(pollingNanoseconds / 1000)"
        case .seccomp: sandbox.filterAction.rawValue
        case .logLevel: logLevel.rawValue
        case .socketPath, .inheritedDescriptor, .socketDirectory, .socketGroup, .control, .metricsFile,
            .captureDirectory, .user, .group, .sandbox:
            nil
        }
    }
}

extension PortConfiguration {
    /// The value of a key that the port was not given; `nil` when it then has none, as most keys.
    func text(of key: PortKey) -> String? {
        switch key {
        case .number: "\(number)"
        case .kind: endpoint.kind.rawValue
        case .path: endpoint.address?.description
        case .console: isConsole ? "on" : "off"
        case .resizeOrder: isConsole ? resizeOrder.rawValue : nil
        case .clientsAbsent: endpoint.hasClients ? clientsAbsent.rawValue : nil
        case .bufferSize: endpoint.hasClients && clientsAbsent == .buffer ? "\(bufferByteCount)" : nil
        case .guestClose: endpoint.hasClients ? guestClose.rawValue : nil
        case .clients: endpoint.takesManyClients ? "\(clientLimit)" : nil
        case .writers: endpoint.takesManyClients ? "\(writerLimit)" : nil
        case .logAppends: transcript.map { $0.appends ? "on" : "off" }
        case .logFiles: transcript?.maximumByteCount == nil ? nil : transcript.map { "\($0.oldFileCount)" }
        default: nil
        }
    }
}
