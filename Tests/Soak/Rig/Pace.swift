/// Tells how many of something are due, so that so many happen in a second.
struct Pace {
    private let perSecond: Double
    private let start = ContinuousClock.now
    /// How many were due so far.
    private(set) var count = 0

    init(perSecond: Int) {
        self.perSecond = Double(perSecond)
    }

    /// The numbers of those that are due now and were not before.
    mutating func due() -> Range<Int> {
        let former = count
        count = max(former, Int(start.duration(to: .now).seconds * perSecond))
        return former..<count
    }
}
