import Testing

@testable import Sandbox

@Suite("ThreadStatus")
struct ThreadStatusTests {
    /// As proc(5) has it, of a thread that is shut in.
    private static let confined = """
        Name:\tdevice
        Umask:\t0022
        Uid:\t65534\t65534\t65534\t65534
        Gid:\t65533\t65533\t65533\t65533
        FDSize:\t64
        Groups:\t
        CapInh:\t0000000000000000
        CapPrm:\t0000000000000000
        CapEff:\t0000000000000000
        CapBnd:\t0000000000000000
        CapAmb:\t0000000000000000
        NoNewPrivs:\t1
        Seccomp:\t2
        Seccomp_filters:\t2

        """

    private static let expectation = ThreadStatus.Expectation(
        identity: Identity(user: 65534, group: 65533), wasPrivileged: true, filterCount: 2)

    private func problem(
        _ text: String, _ expectation: ThreadStatus.Expectation = Self.expectation
    ) -> String? {
        ThreadStatus(parsing: text).problem(against: expectation)
    }

    @Test func confinedThreadHasNoProblem() {
        #expect(problem(Self.confined) == nil)
        #expect(ThreadStatus(parsing: Self.confined).name == "device")
    }

    @Test(arguments: [
        ("Uid:\t65534\t65534\t65534\t65534", "Uid:\t65534\t65534\t0\t65534", "Uid is [65534, 65534, 0, 65534]"),
        ("Gid:\t65533", "Gid:\t0", "Gid is [0, 65533, 65533, 65533]"),
        ("Groups:\t", "Groups:\t4 27 ", "Groups is [4, 27]"),
        ("CapInh:\t0000000000000000", "CapInh:\t0000000000000001", "CapInh is 1"),
        ("CapPrm:\t0000000000000000", "CapPrm:\t0000000000200000", "CapPrm is 200000"),
        ("CapEff:\t0000000000000000", "CapEff:\t000001ffffffffff", "CapEff is 1ffffffffff"),
        ("CapBnd:\t0000000000000000", "CapBnd:\t0000000000000002", "CapBnd is 2"),
        ("CapAmb:\t0000000000000000", "CapAmb:\t0000000000000400", "CapAmb is 400"),
        ("NoNewPrivs:\t1", "NoNewPrivs:\t0", "NoNewPrivs is 0"),
        ("Seccomp:\t2", "Seccomp:\t0", "Seccomp is 0 with 2 filters"),
        ("Seccomp_filters:\t2", "Seccomp_filters:\t1", "Seccomp is 2 with 1 filters"),
    ])
    func everyFieldCounts(field: String, changed: String, expected: String) {
        #expect(problem(Self.confined.replacing(field, with: changed)) == expected)
    }

    /// Nothing is taken for granted: a line that is not there is a problem.
    @Test(arguments: [
        "Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters",
    ])
    func missingLineIsAProblem(name: String) {
        let text = Self.confined.split(separator: "\n").filter { !$0.hasPrefix("\(name):") }.joined(separator: "\n")
        #expect(problem(text) != nil)
        #expect(problem("") != nil)
    }

    @Test func withoutRootTheBoundingSetAndTheGroupsStay() {
        var expectation = Self.expectation
        expectation.wasPrivileged = false
        let text = Self.confined.replacing("CapBnd:\t0000000000000000", with: "CapBnd:\t000001ffffffffff")
            .replacing("Groups:\t", with: "Groups:\t65533 ")
        #expect(problem(text, expectation) == nil)
    }

    @Test func withoutAFilterNoneIsExpected() {
        var expectation = Self.expectation
        expectation.filterCount = 0
        #expect(problem(Self.confined.replacing("Seccomp:\t2", with: "Seccomp:\t0"), expectation) == nil)
    }
}
