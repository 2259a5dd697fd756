package import LinuxIO
import VirtioConsole

/// What the device thread has to say, on its way to the control thread.
///
/// A guest can open and close ports as fast as it likes, so the events that wait are bounded: what finds them full is
/// counted. Answers are as many as there were requests.
package struct DeviceReports: Sendable {
    /// The most events that wait.
    package static let eventCapacity = 1024

    /// In the order in which they came about.
    package private(set) var events: [(event: DeviceEvent, time: WallClock)] = []
    /// How many events came while there was no room, after those in ``events``.
    package private(set) var lostEventCount = 0
    package private(set) var answers: [(ticket: UInt64, answer: DeviceAnswer)] = []
    /// Ports that want somebody to be connected to.
    var wantedConnections = PortSet()
    /// How the device thread ended, once it has.
    package var result: DeviceResult?

    package init() {}

    var isEmpty: Bool {
        events.isEmpty && lostEventCount == 0 && answers.isEmpty && wantedConnections.isEmpty && result == nil
    }

    mutating func append(_ event: DeviceEvent, at time: WallClock) {
        if events.count < Self.eventCapacity {
            events.append((event, time))
        } else {
            lostEventCount += 1
        }
    }

    mutating func append(_ answer: DeviceAnswer, to ticket: UInt64) {
        answers.append((ticket, answer))
    }
}
