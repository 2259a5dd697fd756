import Glibc
import LinuxIO
import Testing

@Suite("DescriptorList")
struct DescriptorListTests {
    @Test func keepsTheOrder() throws {
        var list = DescriptorList()
        var inodes: [UInt64?] = []
        for index in 0..<DescriptorList.capacity {
            let file = try OwnedFileDescriptor.memory(named: "\(index)", byteCount: 0)
            inodes.append(inode(of: file.rawValue))
            list.append(file)
        }
        let count = list.count
        #expect(count == 32)
        var taken: [UInt64?] = []
        while let file = list.takeFirst() { taken.append(inode(of: file.rawValue)) }
        let isEmpty = list.isEmpty
        #expect(taken == inodes)
        #expect(isEmpty)
    }

    @Test func closesWhatNobodyTook() throws {
        var detector = try LeakDetector()
        do {
            var list = DescriptorList()
            list.append(OwnedFileDescriptor(adopting: copy(of: detector.number)))
            list.append(OwnedFileDescriptor(adopting: copy(of: detector.number)))
            _ = list.takeFirst()
        }
        #expect(try detector.everyCopyIsClosed())
    }

    @Test func closeAllLeavesAnEmptyListThatCanBeUsed() throws {
        var detector = try LeakDetector()
        var list = DescriptorList()
        for _ in 0..<DescriptorList.capacity { list.append(OwnedFileDescriptor(adopting: copy(of: detector.number))) }
        list.closeAll()
        #expect(try detector.everyCopyIsClosed())
        list.append(try OwnedFileDescriptor.memory(named: "next", byteCount: 0))
        let count = list.count
        #expect(count == 1)
    }
}
