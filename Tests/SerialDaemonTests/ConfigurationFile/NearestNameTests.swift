import Testing

@testable import SerialDaemon

@Suite("NearestName")
struct NearestNameTests {
    @Test(arguments: [
        ("max-prots", "max-ports"), ("sokcet-paht", "socket-path"), ("maxports", "max-ports"),
        ("max-portss", "max-ports"), ("max_ports", "max-ports"),
        ("nmae", "name"), ("rn", "nr"), ("socket-paht", "socket-path"), ("control-path", nil), ("colour", nil),
        ("", nil),
        ("fx", "fd"), ("xx", nil),
    ])
    func nameWithAFewSlipsIsFound(text: String, name: String?) {
        let names = ["socket-path", "socket-dir", "max-ports", "name", "nr", "fd"]
        #expect(NearestName.find(text, among: names) == name)
    }

    @Test func textOfNoNamesLengthIsNotComparedAtAll() {
        let long = String(repeating: "x", count: 65)
        #expect(NearestName.find(long, among: [long]) == nil)
        #expect(NearestName.find(String(long.dropLast()), among: [String(long.dropLast())]) != nil)
    }
}
