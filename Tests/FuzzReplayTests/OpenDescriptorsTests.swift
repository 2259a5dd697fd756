import Glibc
import Testing

@testable import FuzzTargets

/// What the messages target finds leaks by.
@Suite("OpenDescriptors")
struct OpenDescriptorsTests {
    /// Among numbers that nothing else takes: a process of its own has threads too, and they open what they need.
    @Test func aDescriptorThatStaysOpenIsSeen() async {
        await #expect(processExitsWith: .success) {
            let before = OpenDescriptors(from: 1000)
            let descriptor = fcntl(STDERR_FILENO, F_DUPFD, 1010)
            precondition(descriptor >= 1010, "no descriptor")
            precondition(OpenDescriptors(from: 1000) != before, "not seen")
            close(descriptor)
            precondition(OpenDescriptors(from: 1000) == before, "seen when gone")
        }
    }
}
