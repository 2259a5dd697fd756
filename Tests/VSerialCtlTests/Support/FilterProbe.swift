@testable import vserialctl

/// A text in pieces through a filter: what came out, and the last verdict.
func pass(_ pieces: [String], _ filter: some RelayFilter) throws -> (text: String, verdict: RelayVerdict) {
    var result: [UInt8] = []
    var verdict = RelayVerdict.goOn
    for piece in pieces where verdict == .goOn {
        var bytes = Array(piece.utf8)
        verdict = try filter.pass(&bytes)
        result += bytes
    }
    return (String(decoding: result, as: UTF8.self), verdict)
}
