import BasicContainers
import Logging
import VhostUser
import Virtio
import VirtioConsole

/// The control queues' turn, and what follows from it for the ports.
extension DeviceLoop {
    /// Handles the guest's control messages, and sends what is owed to it.
    mutating func serveControl() {
        controlIsReady = false
        receiveControl()
        sendControl()
    }

    private mutating func receiveControl() {
        var events = ControlEvents()
        do throws(VirtqueueError) {
            if try device.receiveControl(using: &batch, memory: session.memory, events: &events) {
                controlIsReady = true
            }
        } catch {
            ringFailed(QueueRole.controlTransmitq.queueIndex, error)
        }
        if device.controlTransmitqNeedsCall() {
            signalCall(QueueRole.controlTransmitq.queueIndex)
        }
        apply(events)
    }

    private mutating func sendControl() {
        do throws(VirtqueueError) {
            if try device.sendControl(using: &batch, memory: session.memory) {
                controlIsReady = true
            }
        } catch {
            ringFailed(QueueRole.controlReceiveq.queueIndex, error)
        }
        if device.controlReceiveqNeedsCall() {
            signalCall(QueueRole.controlReceiveq.queueIndex)
        }
    }

    private mutating func apply(_ events: ControlEvents) {
        if events.driverBecameReady {
            deviceLine(.info, "the guest's driver is ready")
            mailbox.report(.guestReady)
            for port in 0..<endpoints.count {
                tellGuestOfClients(port: port)
                expectOpening(port: port)
            }
        }
        if events.driverFailed {
            deviceLine(.error, "the guest's driver says that it failed to start")
        }
        for port in 0..<endpoints.count {
            if events.failed.contains(port) {
                portWarning(port, "the guest could not set the port up")
            }
            let (opened, closed) = (events.opened.contains(port), events.closed.contains(port))
            // Of both the port knows which came last, and so will whoever follows the events.
            let closedLast = opened && closed && !device.ports[port].isGuestOpen
            if closedLast { guestOpened(port: port) }
            if closed { guestClosed(port: port) }
            if opened, !closedLast { guestOpened(port: port) }
        }
        if events.ignoredCount > 0 {
            deviceLine(.debug, "\(events.ignoredCount) control messages of the guest made no sense")
        }
    }

    private mutating func guestOpened(port: Int) {
        portInfo(port, "opened by the guest")
        readyPorts.insert(port)
        meters[port].openDeadline = nil
        if let name = endpoints[port].configuration?.name {
            mailbox.report(.portChanged(name, isOpen: true))
        }
    }

    /// The guest's program has closed a port, by itself or because the guest was reset.
    mutating func guestClosed(port: Int) {
        portInfo(port, "closed by the guest")
        if let name = endpoints[port].configuration?.name {
            mailbox.report(.portChanged(name, isOpen: false))
        }
        let unread = endpoints[port].dropBegunRecord()
        if unread > 0 {
            device.ports[port].noteUnread(unread)
            portWarning(port, "the last \(unread) bytes of a record were not read by the guest, and are thrown away")
        }
        if endpoints[port].configuration?.guestClose != .keep, endpoints[port].hasClient {
            endpoints[port].owesClientClose = true
        }
        readyPorts.insert(port)
    }
}
