import CLinux
import Testing

@Suite("clinux_copy_from_shared")
struct SharedMemoryTests {
    @Test(arguments: 0..<16, 0...24)
    func copiesAnyNumberOfBytesFromAnyAlignment(offset: Int, count: Int) {
        let source = [UInt8](0..<64)
        var target = [UInt8](repeating: 0xEE, count: 28)
        unsafe source.withUnsafeBytes { from in
            unsafe target.withUnsafeMutableBytes { to in
                guard let from = from.baseAddress, let to = to.baseAddress else { return }
                unsafe clinux_copy_from_shared(to + 1, from + offset, count)
            }
        }
        #expect(target == [0xEE] + source[offset..<(offset + count)] + Array(repeating: 0xEE, count: 27 - count))
    }
}
