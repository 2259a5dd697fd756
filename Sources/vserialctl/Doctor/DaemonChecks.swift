import ClientProtocols
import ControlProtocol

/// How far the daemon, the front-end and the guest have come with each other.
enum DaemonChecks {
    static func notChecked(because reason: String) -> [Check] {
        ["front-end", "guest-driver", "rings", "ports-open"].map { .notChecked($0, because: reason) }
    }

    static func checks(status: DaemonStatus, ports: [PortStatus]) -> [Check] {
        [frontend(status), guest(status), rings(ports), open(ports, isGuestReady: status.guest.driverReady)]
    }

    private static func frontend(_ status: DaemonStatus) -> Check {
        let name = "front-end"
        guard let frontend = status.frontend else {
            return .failed(
                name, "no front-end is connected",
                advice: "start the VM. If it runs, it has been longer up than the daemon: QEMU's device cannot connect "
                    + "again, start the VM anew")
        }
        return .ok(name, "process \(frontend.pid) of user \(frontend.uid) is connected")
    }

    private static func guest(_ status: DaemonStatus) -> Check {
        let name = "guest-driver"
        guard status.frontend != nil else { return .notChecked(name, because: "no front-end is connected") }
        guard status.guest.driverReady else {
            return .failed(
                name, "the guest's driver has not begun",
                advice: "wait until the guest has booted; then look in it for the module virtio_console, and on QEMU's "
                    + "line for virtio-id=3 and config_size=12")
        }
        return .ok(name, "the guest's driver has begun")
    }

    private static func rings(_ ports: [PortStatus]) -> Check {
        let name = "rings"
        let faults = ports.flatMap { PortText.faults($0, isStyled: false) }
        guard faults.isEmpty else {
            return .failed(
                name, faults.joined(separator: "; "),
                advice: "the guest's driver or QEMU has broken the ring; it is whole again when the guest is rebooted")
        }
        return .ok(name, "none is broken")
    }

    private static func open(_ ports: [PortStatus], isGuestReady: Bool) -> Check {
        let name = "ports-open"
        guard isGuestReady else { return .notChecked(name, because: "the guest's driver has not begun") }
        let closed = ports.filter { !$0.guestOpen }.map { PrintableText.escaping($0.id) }
        guard closed.isEmpty else {
            return .warning(
                name, "no program in the guest has opened: \(closed.joined(separator: ", "))",
                advice: "start the program in the guest that reads /dev/virtio-ports/NAME")
        }
        return .ok(name, ports.isEmpty ? "there are no ports" : "the guest has all \(ports.count) open")
    }
}
