import Testing

@testable import ClientProtocols

@Suite struct UnreadBytesTests {
    @Test("a line may have so many bytes and no more, however it comes", arguments: [1, 2, 3, 100])
    func lines(pieceByteCount: Int) {
        func lines(_ text: String) -> [String] {
            var unread = UnreadBytes()
            var lines: [String] = []
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                unread.append(rest.prefix(pieceByteCount))
                rest = rest.dropFirst(pieceByteCount)
                do throws(UnreadBytes.EndlessLine) {
                    while let line = try unread.takeLine(atMost: 3) {
                        lines.append(String(decoding: line, as: UTF8.self))
                    }
                } catch {
                    return lines + ["!"]
                }
            }
            return lines
        }
        #expect(lines("abc\n\nd\ne") == ["abc", "", "d"])
        #expect(lines("abc\nabcd\n") == ["abc", "!"])
        #expect(lines("abcd") == ["!"])
    }

    @Test func whatIsTakenIsGone() throws {
        var unread = UnreadBytes()
        unread.append(Array("abcdef\nx".utf8))
        #expect(try unread.takeLine(atMost: 10) == Array("abcdef".utf8))
        #expect(try unread.takeLine(atMost: 10) == nil)
        #expect(unread.take(atMost: 5) == Array("x".utf8))
        #expect(unread.take(atMost: 5) == nil)
        // The line's end was looked for up to here.
        unread.append(Array("yz\n".utf8))
        #expect(unread.take(atMost: 1) == Array("y".utf8))
        #expect(try unread.takeLine(atMost: 10) == Array("z".utf8))
        #expect(unread.count == 0)
    }

    @Test func whatIsSkippedIsGone() {
        var unread = UnreadBytes()
        unread.append([1, 2, 3])
        let isThere = unread.skip(behind: 9)
        #expect(!isThere)
        #expect(unread.count == 0)
        unread.append([1, 9, 2])
        let isThereNow = unread.skip(behind: 9)
        #expect(isThereNow)
        #expect(unread.take(atMost: 9) == [2])
    }

    @Test("more than is moved out of the way at once")
    func slack() throws {
        var unread = UnreadBytes()
        unread.append((0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 >> 8) | 0x80 } + Array("end\n".utf8))
        for page in 0..<4096 {
            #expect(unread.take(atMost: 256) == [UInt8](repeating: UInt8(truncatingIfNeeded: page) | 0x80, count: 256))
        }
        #expect(try unread.takeLine(atMost: 3) == Array("end".utf8))
    }
}
