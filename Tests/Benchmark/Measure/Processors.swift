/// Which processor everybody runs on; nil for any.
struct Processors {
    var driver: Int?
    var peer: Int?
    var device: Int?
    /// Whether the driver lets others run when it finds nothing to do.
    var driverYields: Bool

    /// `DRIVER,PEER,DEVICE`, or `any`.
    init(_ text: String, driverYields: Bool) throws {
        self.driverYields = driverYields
        guard text != "any" else { return }
        let numbers = text.split(separator: ",").map { Int($0) }
        guard numbers.count == 3, !numbers.contains(nil) else {
            throw BenchmarkError("--processors takes DRIVER,PEER,DEVICE or any, not \(text)")
        }
        (driver, peer, device) = (numbers[0], numbers[1], numbers[2])
    }
}
