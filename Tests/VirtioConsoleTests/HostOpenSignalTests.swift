import Testing

@testable import VirtioConsole

/// Every sequence of what can happen, against a queue of messages in which only an opening that was not told yet can be
/// taken back.
@Suite("HostOpenSignal")
struct HostOpenSignalTests {
    enum Step: CaseIterable { case open, close, tell, guestStartsClosed, guestBeliefIsUnknown }

    /// The reference: the messages that are owed, in order.
    struct Model {
        var isOpen = false
        var told: Bool? = false
        var owed: [Bool] = []

        mutating func apply(_ step: Step) {
            switch step {
            case .open where !isOpen, .close where isOpen:
                isOpen.toggle()
                // The guest may believe anything: it is told what is, whatever that is by then.
                if told == nil {
                    owed = [isOpen]
                } else if owed.last == true {
                    owed.removeLast()
                } else {
                    owed.append(isOpen)
                }
            case .open, .close: break
            case .tell: if !owed.isEmpty { told = owed.removeFirst() }
            case .guestStartsClosed: (told, owed) = (false, isOpen ? [true] : [])
            case .guestBeliefIsUnknown: (told, owed) = (nil, [isOpen])
            }
        }
    }

    private func apply(_ step: Step, to signal: inout HostOpenSignal) {
        switch step {
        case .open: signal.set(isOpen: true)
        case .close: signal.set(isOpen: false)
        case .tell: signal.didTell()
        case .guestStartsClosed: signal.guestStartsClosed()
        case .guestBeliefIsUnknown: signal.guestBeliefIsUnknown()
        }
    }

    /// What is owed, told to the end.
    private func owed(_ signal: HostOpenSignal) -> [Bool] {
        var copy = signal
        var values: [Bool] = []
        while let next = copy.next, values.count < 10 {
            values.append(next)
            copy.didTell()
        }
        return values
    }

    /// Calls `body` with every sequence of `length` of the steps; the state goes along and is forked.
    private func everySequence(
        of steps: [Step], length: Int, _ signal: HostOpenSignal, _ model: Model, _ path: [Step],
        _ body: (HostOpenSignal, Model, [Step]) -> Void
    ) {
        body(signal, model, path)
        guard length > 0 else { return }
        for step in steps {
            var nextSignal = signal
            var nextModel = model
            apply(step, to: &nextSignal)
            nextModel.apply(step)
            everySequence(of: steps, length: length - 1, nextSignal, nextModel, path + [step], body)
        }
    }

    @Test(
        "what is owed is what the model says",
        arguments: [([.open, .close, .tell], 8), (Step.allCases, 6)] as [([Step], Int)])
    func everySequenceIsAsTheModelSays(steps: [Step], length: Int) {
        var count = 0
        everySequence(of: steps, length: length, HostOpenSignal(), Model(), []) { signal, model, path in
            count += 1
            let found = owed(signal)
            guard found != model.owed || signal.isOpen != model.isOpen || found.count > 2 else { return }
            Issue.record("\(path): owes \(found), not \(model.owed)")
        }
        #expect(count >= 9841, "3⁰ + … + 3⁸")
    }

    /// The contract itself, with no model: what a guest sees over the whole life, then told to the end.
    @Test func theGuestSeesEveryHangUpAndTheTruthInTheEnd() {
        let steps: [Step] = [.open, .close, .tell]
        var sequences: [[Step]] = [[]]
        for _ in 0..<8 { sequences = sequences.flatMap { path in steps.map { path + [$0] } } }
        for path in sequences {
            var signal = HostOpenSignal()
            var seen: [Bool] = []
            // For each opening that the guest has seen: whether the client behind it is still the same.
            var believesInGoneClient = false
            for step in path + [.tell, .tell] {
                if step == .tell, let value = signal.next {
                    if value, believesInGoneClient { Issue.record("\(path): 1 without the 0 before it") }
                    seen.append(value)
                    believesInGoneClient = false
                }
                if step == .close, seen.last == true { believesInGoneClient = true }
                apply(step, to: &signal)
            }
            let isRight = !believesInGoneClient && signal.next == nil && (seen.last ?? false) == signal.isOpen
            let isAlternating = zip([false] + seen, seen).allSatisfy { $0 != $1 }
            if !isRight || !isAlternating { Issue.record("\(path): the guest saw \(seen)") }
        }
    }
}
