import DriverTestSupport

/// A virtio device over PCI, brought up by the steps of virtio 1.3 §3.1.1 and §4.1.4.3.
struct VirtioPCIDevice {
    private let qtest: QTest
    private let common: UInt64

    private enum Field {
        static let deviceFeatureSelect: UInt64 = 0
        static let deviceFeature: UInt64 = 4
        static let driverFeatureSelect: UInt64 = 8
        static let driverFeature: UInt64 = 12
        static let configVector: UInt64 = 16
        static let queueCount: UInt64 = 18
        static let status: UInt64 = 20
        static let queueSelect: UInt64 = 22
        static let queueSize: UInt64 = 24
        static let queueVector: UInt64 = 26
        static let queueEnable: UInt64 = 28
        static let queueAreas: UInt64 = 32
    }

    private enum Status {
        static let acknowledge: UInt64 = 1
        static let driver: UInt64 = 2
        static let driverOK: UInt64 = 4
        static let featuresOK: UInt64 = 8
    }

    init(function: PCIFunction) throws {
        qtest = function.qtest
        common = try function.structure(1).address
    }

    func queueCount() throws -> Int { Int(try qtest.read(.word, at: common + Field.queueCount)) }

    /// Resets the device and agrees on exactly these features.
    func negotiate(_ wanted: UInt64) throws {
        try qtest.write(.byte, at: common + Field.status, 0)
        try qtest.write(.byte, at: common + Field.status, Status.acknowledge | Status.driver)
        var offered: UInt64 = 0
        for half in 0..<UInt64(2) {
            try qtest.write(.long, at: common + Field.deviceFeatureSelect, half)
            offered |= try qtest.read(.long, at: common + Field.deviceFeature) << (32 * half)
        }
        guard offered & wanted == wanted else {
            throw BenchmarkError(
                "the device offers 0x\(String(offered, radix: 16)), not all of 0x\(String(wanted, radix: 16))")
        }
        for half in 0..<UInt64(2) {
            try qtest.write(.long, at: common + Field.driverFeatureSelect, half)
            try qtest.write(.long, at: common + Field.driverFeature, wanted >> (32 * half) & 0xffff_ffff)
        }
        let status = Status.acknowledge | Status.driver | Status.featuresOK
        try qtest.write(.byte, at: common + Field.status, status)
        guard try qtest.read(.byte, at: common + Field.status) == status else {
            throw BenchmarkError("the device refuses the features")
        }
    }

    /// Gives a queue its ring; its interrupt is the first of MSI-X.
    func enableQueue(_ index: Int, _ ring: any DriverRing) throws {
        try qtest.write(.word, at: common + Field.queueSelect, UInt64(index))
        let largest = try qtest.read(.word, at: common + Field.queueSize)
        guard largest >= UInt64(ring.size) else {
            throw BenchmarkError("queue \(index) has at most \(largest) entries, not \(ring.size)")
        }
        try qtest.write(.word, at: common + Field.queueSize, UInt64(ring.size))
        try qtest.write(.word, at: common + Field.queueVector, 0)
        guard try qtest.read(.word, at: common + Field.queueVector) == 0 else {
            throw BenchmarkError("queue \(index) gets no interrupt")
        }
        for (number, area) in [ring.areas.descriptors, ring.areas.driver, ring.areas.device].enumerated() {
            let place = common + Field.queueAreas + UInt64(8 * number)
            try qtest.write(.long, at: place, area & 0xffff_ffff)
            try qtest.write(.long, at: place + 4, area >> 32)
        }
        try qtest.write(.word, at: common + Field.queueEnable, 1)
    }

    /// The device runs when this returns.
    func start() throws {
        let status = Status.acknowledge | Status.driver | Status.featuresOK | Status.driverOK
        try qtest.write(.byte, at: common + Field.status, status)
        guard try qtest.read(.byte, at: common + Field.status) == status else {
            throw BenchmarkError("the device does not run")
        }
    }
}
