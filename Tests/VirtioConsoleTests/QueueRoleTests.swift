import Testing

@testable import VirtioConsole

@Suite("QueueRole")
struct QueueRoleTests {
    /// The table of the specification, §5.3.2, counted out and not computed: port 0, the control queues, then port
    /// after port.
    private static let table: [QueueRole] = {
        var roles: [QueueRole] = [.receiveq(port: 0), .transmitq(port: 0), .controlReceiveq, .controlTransmitq]
        var port = 1
        while roles.count < 256 {
            roles.append(.receiveq(port: port))
            roles.append(.transmitq(port: port))
            port += 1
        }
        return roles
    }()

    @Test func everyIndexHasItsRole() {
        for index in 0...255 {
            #expect(QueueRole(queueIndex: index) == Self.table[index], "queue \(index)")
        }
    }

    @Test func everyRoleHasItsIndex() {
        for index in 0...255 {
            #expect(Self.table[index].queueIndex == index, "\(Self.table[index])")
        }
    }

    @Test func someOfTheTableSpelledOut() {
        #expect(QueueRole(queueIndex: 4) == .receiveq(port: 1))
        #expect(QueueRole(queueIndex: 5) == .transmitq(port: 1))
        #expect(QueueRole(queueIndex: 64) == .receiveq(port: 31))
        #expect(QueueRole(queueIndex: 254) == .receiveq(port: 126))
        #expect(QueueRole(queueIndex: 255) == .transmitq(port: 126))
    }

    @Test func theQueuesAreEnoughForEveryPortAndNotMore() {
        for maxPorts in 1...QueueRole.largestMaxPorts {
            let last = maxPorts == 1 ? QueueRole.controlTransmitq : .transmitq(port: maxPorts - 1)
            #expect(QueueRole.queueCount(maxPorts: maxPorts) == last.queueIndex + 1)
        }
        #expect(QueueRole.queueCount(maxPorts: QueueRole.largestMaxPorts) == 256)
    }
}
