import ControlProtocol
import Testing

@testable import vserialctl

@Suite struct KeyValuesTests {
    @Test("the first = ends the key, and values stay as they are")
    func values() throws {
        let arguments = try KeyValues.arguments(id: "a", ["nr=5", "linger=0.5", "allow-uids=a=b", "x="])
        #expect(arguments == ["id": "a", "nr": "5", "linger": "0.5", "allow-uids": "a=b", "x": ""])
    }

    @Test(
        "what is no key and value is refused",
        arguments: [["nr"], ["=5"], [""], ["nr=1", "nr=2"], ["name=b"], ["id=b"]])
    func refused(words: [String]) {
        #expect(throws: CommandFailure.self) { try KeyValues.arguments(id: "a", words) }
    }
}
