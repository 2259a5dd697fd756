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
        #expect(!isReadable(mailbox.resultDescriptor))
        #expect(mailbox.takeCommands() == [.shutdown, .shutdown])
        #expect(!isReadable(mailbox.commandDescriptor))
        #expect(mailbox.takeCommands() == [])
    }

    @Test func resultWakesTheControlThreadOnce() throws {
        let mailbox = try DeviceMailbox()
        #expect(mailbox.takeResult() == nil)
        mailbox.finish(.ended)
        #expect(isReadable(mailbox.resultDescriptor))
        #expect(mailbox.takeResult() == .ended)
        #expect(!isReadable(mailbox.resultDescriptor))
        #expect(mailbox.takeResult() == nil)
    }
}
