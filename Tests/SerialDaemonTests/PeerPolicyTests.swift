import Glibc
import LinuxIO
import Testing

@testable import SerialDaemon

@Suite("PeerPolicy")
struct PeerPolicyTests {
    /// Whether the policy admits ourselves, as the peer of a pair, when that is in these supplementary groups.
    private func admitsUs(_ policy: PeerPolicy, supplementary: [UInt32] = []) throws -> Bool {
        let pair = try UnixStream.pair()
        let peer = try pair.first.peerCredentials()
        return try policy.admits(peer) { () throws(SystemError) in supplementary }
    }

    @Test func withoutListsEverybodyIsAdmitted() throws {
        #expect(try admitsUs(PeerPolicy()))
    }

    @Test func userOrGroupIsEnough() throws {
        let (user, group) = (geteuid(), getegid())
        #expect(try admitsUs(PeerPolicy(users: [user])))
        #expect(try admitsUs(PeerPolicy(users: [user &+ 1, user])))
        #expect(try admitsUs(PeerPolicy(groups: [group])))
        #expect(try admitsUs(PeerPolicy(users: [user], groups: [group &+ 1])))
        #expect(try !admitsUs(PeerPolicy(users: [user &+ 1])))
        #expect(try !admitsUs(PeerPolicy(groups: [group &+ 1])))
    }

    @Test func supplementaryGroupCounts() throws {
        let group = getegid() &+ 1
        #expect(try admitsUs(PeerPolicy(groups: [group]), supplementary: [7, group]))
        #expect(try !admitsUs(PeerPolicy(users: [geteuid() &+ 1]), supplementary: [group]), "nobody asked about groups")
    }

    @Test func supplementaryGroupsOfAPeerAreThoseOfItsProcess() throws {
        let pair = try UnixStream.pair()
        var own = [gid_t](repeating: 0, count: 65_536)
        let count = unsafe getgroups(Int32(own.count), &own)
        #expect(try pair.first.peerSupplementaryGroups() == Array(own[..<Int(count)]))
    }
}
