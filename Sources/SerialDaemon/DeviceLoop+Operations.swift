import BasicContainers
import LinuxIO
import Logging
import VirtioConsole

/// What an operator asks for while the guest runs.
extension DeviceLoop {
    /// Does one thing, and says what came of it.
    mutating func perform(_ operation: DeviceOperation) -> DeviceAnswer {
        switch operation {
        case .takeSnapshot: return .snapshot(snapshot())
        case .addPort(let addition): return addPort(addition)
        case .removePort(let port): return removePort(port)
        case .changePort(let configuration): return changePort(configuration)
        case .disconnectClient(let port): return disconnectClient(port: port)
        case .startCapture(let tap): startCapture(tap)
        case .stopCapture(let number): stopCapture(number)
        }
        return .done
    }

    private mutating func addPort(_ addition: PortAddition) -> DeviceAnswer {
        let configuration = addition.configuration
        let port = configuration.number
        guard endpoints[port].configuration == nil, let binding = addition.takeBinding() else {
            return .refused("number \(port) is taken")
        }
        // Of a ring that stands still, with what was written for the port before.
        let owesDiscard = endpoints[port].owesDiscard
        endpoints[port] = PortEndpoint(configuration, binding: binding, after: endpoints[port].generation)
        do {
            try watchEndpoint(port: port)
        } catch {
            endpoints[port] = PortEndpoint(after: endpoints[port].generation)
            endpoints[port].owesDiscard = owesDiscard
            return .refused("the host refuses what a port needs: \(error)")
        }
        endpoints[port].owesDiscard = owesDiscard
        endpoints[port].awaitsGuestReady = device.isDriverReady
        meters[port] = PortMeter()
        throttle(port: port, configuration)
        device.addPort(port, PortDescription(configuration))
        // Behind it: with the port its counters begin anew, which the transcript goes by.
        if let tap = addition.transcript { startTranscript(port: port, tap) }
        tellGuestOfClients(port: port)
        if device.isDriverReady {
            expectOpening(port: port)
        }
        portInfo(port, "added at run time as number \(port), \(configuration.endpoint.news)")
        mailbox.report(.portAdded(configuration.name, number: port))
        return .done
    }

    /// What the guest has written is still handed on as far as it goes without waiting, and then the port is gone for
    /// everybody.
    private mutating func removePort(_ port: Int) -> DeviceAnswer {
        guard let name = endpoints[port].configuration?.name else { return .refused("there is no port \(port)") }
        serveToHost(port: port)
        if device.ports[port].isGuestOpen {
            guestClosed(port: port)
        }
        endWatchers(port: port)
        if endpoints[port].hasClient {
            clientLeft(port: port)
        }
        do {
            try noteFirstClient(port: port)
        } catch {
            return .refused("the front-end cannot be served: \(error)")
        }
        unwatchEndpoint(port: port)
        stopCapturing(port: port)
        stopTranscript(port: port)
        stopThrottling(port: port)
        portInfo(port, "removed at run time")
        endpoints[port] = PortEndpoint(after: endpoints[port].generation)
        meters[port] = PortMeter()
        device.removePort(port)
        controlIsReady = true
        // What its ring holds is nobody's, and not for another port that gets the number before the next turn.
        throwAwayBacklog(port: port)
        readyPorts.insert(port)
        mailbox.report(.portRemoved(name, number: port))
        return .done
    }

    private mutating func changePort(_ configuration: PortConfiguration) -> DeviceAnswer {
        let port = configuration.number
        guard let former = endpoints[port].configuration, former.name == configuration.name else {
            return .refused("there is no port \(port)")
        }
        device.ports[port].noteLoss(endpoints[port].reconfigure(configuration))
        if configuration.bytesPerSecond != former.bytesPerSecond {
            throttle(port: port, configuration)
        }
        if configuration.size != former.size {
            device.resizePort(port, to: configuration.size)
        }
        do {
            try watchArrivals(port: port, endpoints[port].hasRoomForClient)
        } catch {
            return .refused("the host refuses what a port needs: \(error)")
        }
        // Whether the guest learns of clients may be different now; and what a policy held may go.
        tellGuestOfClients(port: port)
        readyPorts.insert(port)
        return .done
    }

    private mutating func disconnectClient(port: Int) -> DeviceAnswer {
        guard endpoints[port].hasClient else { return .refused("nobody is connected") }
        guard endpoints[port].configuration?.endpoint.hasClients == true else {
            return .refused("what this port is bound to is no client that could be disconnected")
        }
        endWatchers(port: port)
        clientLeft(port: port)
        return .done
    }
}
