import SystemPackage
import Testing

@testable import LinuxIO

@Suite("ThreadUsage")
struct ThreadUsageTests {
    @Test func preemptionsAreThoseOfTheKernelsBooks() throws {
        let before = ThreadUsage.preemptionCount()
        let file = try unsafe FileDescriptor.open("/proc/thread-self/status", .readOnly)
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = try unsafe bytes.withUnsafeMutableBytes { unsafe try file.read(into: $0) }
        let status = String(decoding: bytes[..<count], as: UTF8.self)
        let after = ThreadUsage.preemptionCount()
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("nonvoluntary_ctxt_switches:") })
        let booked = try #require(line.split(separator: "\t").last.flatMap { Int($0) })
        #expect((before...after).contains(booked))
    }
}
