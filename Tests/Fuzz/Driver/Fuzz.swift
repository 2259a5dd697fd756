import FuzzTargets

/// One target under libFuzzer: `vhost-user-serial-fuzz --target=NAME`, and behind it libFuzzer's own arguments. See
/// `scripts/fuzz`.
///
/// One program and not one per target: linking takes longer than all else. libFuzzer takes no note of arguments that
/// begin with two dashes, and hands them on to the processes it starts.
enum Fuzz {
    private static let option = "--target="

    /// The target that was asked for. libFuzzer calls on one thread only.
    nonisolated(unsafe) static let target = makeTarget()

    private static func makeTarget() -> any FuzzTarget {
        let name = CommandLine.arguments.first { $0.hasPrefix(option) }?.dropFirst(option.count) ?? ""
        guard let chosen = FuzzTargetName(rawValue: String(name)) else {
            fatalError("give one of \(FuzzTargetName.allCases.map { option + $0.rawValue })")
        }
        do {
            return try chosen.makeTarget(hasProcessToItself: true)
        } catch {
            fatalError("\(error)")
        }
    }
}

/// What libFuzzer calls for each input.
@c(LLVMFuzzerTestOneInput)
public func runInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer's copy of the input, for the length of the call.
    let input = unsafe ByteSource(Array(UnsafeBufferPointer(start: bytes, count: count)))
    do throws(OracleFailure) {
        unsafe try Fuzz.target.run(input)
    } catch {
        fatalError("\(error)")
    }
    return 0
}
