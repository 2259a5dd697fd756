import Testing

@testable import vserialctl

@Suite struct DeadlineTests {
    @Test("what has passed is not waited for")
    func passed() {
        let deadline = Deadline(seconds: -1)
        #expect(deadline.hasPassed)
        #expect(deadline.remainingMilliseconds == 0)
    }

    @Test("the rest is rounded up, and fits poll(2)")
    func rest() {
        let soon = Deadline(seconds: 0.0005)
        let rest = soon.remainingMilliseconds
        #expect(rest == 1 || soon.hasPassed)
        let late = Deadline(seconds: .infinity)
        #expect(!late.hasPassed)
        #expect((86_000_000...86_400_000).contains(late.remainingMilliseconds))
    }
}
