import Glibc
import Testing

@testable import FuzzTargets

/// What the messages target finds leaks by. In a process of its own: others open descriptors meanwhile.
@Suite("OpenDescriptors")
struct OpenDescriptorsTests {
    @Test func aDescriptorThatStaysOpenIsSeen() async {
        await #expect(processExitsWith: .success) {
            let before = OpenDescriptors()
            let descriptor = dup(STDERR_FILENO)
            precondition(descriptor >= 0 && OpenDescriptors() != before)
            close(descriptor)
            precondition(OpenDescriptors() == before)
        }
    }
}
