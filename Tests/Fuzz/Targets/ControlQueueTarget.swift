import Virtio
import VirtioConsole

/// A console device, a guest that says anything on its control queues, and a host whose clients come and go.
final class ControlQueueTarget: FuzzTarget {
    private let image: GuestImage
    private let scratch = ScratchBatch(chainCapacity: 16, pieceCapacity: 8)

    init() throws {
        image = try GuestImage()
    }

    func run(_ input: ByteSource) throws(OracleFailure) {
        var source = input
        image.reset()
        var run = ConsoleRun(image: image, scratch: scratch)
        while !source.isAtEnd {
            try run.step(&source)
            image.adoptRegions()
            try image.check("a step")
        }
    }
}
