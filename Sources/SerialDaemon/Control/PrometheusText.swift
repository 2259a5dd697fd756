import ControlProtocol

/// The metrics in Prometheus' text format, version 0.0.4.
///
/// By hand: no library for it is to be had, and it is a page of text. A parser that is not ours checks it.
enum PrometheusText {
    /// The whole text for one moment.
    static func encode(_ snapshot: DeviceSnapshot) -> String {
        var text = PrometheusWriter()
        text.family("frontend_connected", .gauge, "Whether a VMM is connected.") {
            $0.sample([:], snapshot.frontend == nil ? 0 : 1)
        }
        text.family("guest_ready", .gauge, "Whether the guest's driver has begun.") {
            $0.sample([:], snapshot.isDriverReady ? 1 : 0)
        }
        let ports = snapshot.ports
        text.family("port_guest_open", .gauge, "Whether a program in the guest has the port open.") { family in
            for port in ports { family.sample(["port": port.status.id], port.status.guestOpen ? 1 : 0) }
        }
        text.family("port_clients", .gauge, "Programs connected to the port on the host.") { family in
            for port in ports { family.sample(["port": port.status.id], UInt64(port.status.clients.count)) }
        }
        text.directions("port_accepted_bytes_total", "Bytes taken from the sender.", ports) { $0.accepted }
        text.directions("port_delivered_bytes_total", "Bytes that the receiver has.", ports) { $0.delivered }
        text.directions("port_chains_total", "Chains of the guest that were used.", ports) { $0.chains }
        text.family("port_held_bytes", .gauge, "Bytes kept for a client to come.") { family in
            for port in ports { family.sample(["port": port.status.id], port.status.toHost.held) }
        }
        text.family("port_discarded_bytes_total", .counter, "Bytes that nobody got.") { family in
            for port in ports {
                for (direction, status) in port.status.directions {
                    for (cause, count) in status.discarded.sorted(by: { $0.key < $1.key }) {
                        family.sample(["port": port.status.id, "direction": direction, "cause": cause], count)
                    }
                }
            }
        }
        text.directions("port_stalls_total", "How often bytes waited for the receiver.", ports) { $0.stalls }
        text.family("port_stalled_seconds_total", .counter, "How long bytes waited for the receiver.") { family in
            for port in ports {
                for (direction, status) in port.status.directions {
                    family.sample(
                        ["port": port.status.id, "direction": direction], seconds: status.stalledNanoseconds)
                }
            }
        }
        text.family("port_throttled_seconds_total", .counter, "How long bytes waited for the port's rate.") { family in
            for port in ports {
                for (direction, status) in port.status.directions {
                    family.sample(
                        ["port": port.status.id, "direction": direction], seconds: status.throttledNanoseconds)
                }
            }
        }
        text.transcripts("port_transcript_lost_bytes_total", "Bytes missing in the transcript.", ports) {
            $0.transcriptLost
        }
        text.transcripts(
            "port_transcript_rotations_failed_total", "How often a full transcript could not be put aside.", ports
        ) { $0.transcriptRotationsFailed }
        text.family(
            "port_to_host_seconds", .histogram, "From the guest's kick until all it had offered was handed on."
        ) { family in
            for port in ports { family.histogram(["port": port.status.id], port.latency) }
        }
        return text.text
    }
}

extension PortStatus {
    fileprivate var directions: [(String, DirectionStatus)] {
        [("to-host", toHost), ("to-guest", toGuest)]
    }
}

extension PrometheusWriter {
    /// Of those ports that have one.
    fileprivate mutating func transcripts(
        _ name: String, _ help: String, _ ports: [PortSnapshot], _ value: (PortStatus) -> UInt64?
    ) {
        family(name, .counter, help) { family in
            for port in ports {
                guard let count = value(port.status) else { continue }
                family.sample(["port": port.status.id], count)
            }
        }
    }

    fileprivate mutating func directions(
        _ name: String, _ help: String, _ ports: [PortSnapshot], _ value: (DirectionStatus) -> UInt64
    ) {
        family(name, .counter, help) { family in
            for port in ports {
                for (direction, status) in port.status.directions {
                    family.sample(["port": port.status.id, "direction": direction], value(status))
                }
            }
        }
    }
}
