import LinuxIO
import Testing

@testable import SerialDaemon

@Suite("DeviceMailbox")
struct DeviceMailboxTests {
    @Test func commandWakesTheDeviceThreadOnce() throws {
        let mailbox = try DeviceMailbox()
        #expect(!isReadable(mailbox.commandDescriptor))
        mailbox.send(.shutdown)
        mailbox.send(.shutdown)
        #expect(isReadable(mailbox.commandDescriptor))
        #expect(!isReadable(mailbox.reportDescriptor))
        #expect(areShutdowns(mailbox.takeCommands(), count: 2))
        #expect(!isReadable(mailbox.commandDescriptor))
        #expect(mailbox.takeCommands().isEmpty)
    }

    @Test func resultWakesTheControlThreadOnce() throws {
        let mailbox = try DeviceMailbox()
        #expect(mailbox.takeReports().result == nil)
        mailbox.finish(.ended)
        #expect(isReadable(mailbox.reportDescriptor))
        #expect(mailbox.takeReports().result == .ended)
        #expect(!isReadable(mailbox.reportDescriptor))
        #expect(mailbox.takeReports().result == nil)
    }

    @Test("events wake the control thread once, keep their order, and are counted when there are too many")
    func events() throws {
        let mailbox = try DeviceMailbox(reportsEvents: true)
        let count = DeviceReports.eventCapacity + 3
        for index in 0..<count { mailbox.report(.portChanged("p\(index)", isOpen: true)) }
        #expect(isReadable(mailbox.reportDescriptor))
        let reports = mailbox.takeReports()
        #expect(!isReadable(mailbox.reportDescriptor))
        #expect(reports.events.map(\.event).first == .portChanged("p0", isOpen: true))
        #expect(reports.events.count == DeviceReports.eventCapacity)
        #expect(reports.lostEventCount == 3)
        #expect(mailbox.takeReports().events.isEmpty)
    }

    @Test("answers are never lost, however many events there are")
    func answers() throws {
        let mailbox = try DeviceMailbox(reportsEvents: true)
        for _ in 0...DeviceReports.eventCapacity { mailbox.report(.guestReady) }
        mailbox.answer(.refused("no"), to: 7)
        let answers = mailbox.takeReports().answers
        #expect(answers.map(\.ticket) == [7])
        guard case .refused("no")? = answers.first?.answer else {
            Issue.record("another answer")
            return
        }
    }

    @Test func nothingIsReportedToNobody() throws {
        let mailbox = try DeviceMailbox()
        mailbox.report(.guestReady)
        #expect(!isReadable(mailbox.reportDescriptor))
        #expect(mailbox.takeReports().events.isEmpty)
    }
}

/// Whether these are so many ends of the daemon and nothing else.
func areShutdowns(_ commands: [DeviceCommand], count: Int) -> Bool {
    commands.count == count
        && commands.allSatisfy {
            guard case .shutdown = $0 else { return false }
            return true
        }
}
