import BasicContainers
import Virtio
import VirtioConsole

/// A port's transcript, as the device thread sees it.
struct RunningTranscript {
    let tap: TranscriptTap
    /// How many bytes of the guest the port had accepted when it was looked at last.
    var acceptedBytes: UInt64
}

/// Copies what the guest writes. Ports without a transcript are asked for with one bit.
extension DeviceLoop {
    mutating func startTranscript(port: Int, _ tap: TranscriptTap) {
        transcripts[port] = RunningTranscript(tap: tap, acceptedBytes: device.ports[port].counters.acceptedBytes)
        transcribedPorts.insert(port)
    }

    mutating func stopTranscript(port: Int) {
        transcripts[port] = nil
        transcribedPorts.remove(port)
    }

    /// Bytes of the batch in hand have been accepted, whatever became of them.
    ///
    /// Counted by what the port has accepted: of a chain that is thrown away, and that has more pieces than a batch, some
    /// were never seen.
    mutating func transcribe(port: Int) {
        guard let byteCount = acceptedSinceLastLook(port: port), byteCount > 0 else { return }
        transcripts[port]?.tap.append(batch.vectors, byteCount: byteCount)
    }

    /// A byte was accepted that came on no ring.
    mutating func transcribe(port: Int, _ character: UInt8) {
        guard acceptedSinceLastLook(port: port) != nil else { return }
        transcripts[port]?.tap.append(character)
    }

    private mutating func acceptedSinceLastLook(port: Int) -> UInt64? {
        guard let before = transcripts[port]?.acceptedBytes else { return nil }
        let now = device.ports[port].counters.acceptedBytes
        transcripts[port]?.acceptedBytes = now
        return now &- before
    }
}
