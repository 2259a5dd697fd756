import Testing
import VirtioTestSupport

@testable import VirtioConsole

@Suite("PortSet")
struct PortSetTests {
    private func members(_ set: PortSet) -> [Int] {
        (0...127).filter { set.contains($0) }
    }

    @Test func everyPortIsAloneInItsSet() {
        for port in 0...127 {
            var set = PortSet()
            set.insert(port)
            #expect(!set.isEmpty)
            #expect(members(set) == [port])
            #expect(set.first == port)
            set.remove(port)
            #expect(set == PortSet())
            #expect(set.isEmpty)
        }
    }

    @Test(arguments: [-1, -128, 128, 129, 255, 256, 65536, Int(UInt32.max), .max, .min])
    func aNumberThatNoPortHasIsNeverInIt(number: Int) {
        var set = PortSet()
        set.insert(number)
        #expect(set.isEmpty)
        #expect(!set.contains(number))
        set.insert(127)
        set.remove(number)
        #expect(members(set) == [127])
    }

    @Test func anEmptySetHasNoFirst() {
        var set = PortSet()
        #expect(set.first == nil)
        #expect(set.popFirst() == nil)
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>) func behavesAsASortedSet(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var set = PortSet()
        var model: Set<Int> = []
        for _ in 0..<400 {
            let port = Int.random(in: 0...127, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0, 1:
                set.insert(port)
                model.insert(port)
            case 2:
                set.remove(port)
                model.remove(port)
            default:
                #expect(set.popFirst() == model.min())
                if let lowest = model.min() { model.remove(lowest) }
            }
            #expect(members(set) == model.sorted())
            #expect(set.first == model.min())
        }
    }
}
