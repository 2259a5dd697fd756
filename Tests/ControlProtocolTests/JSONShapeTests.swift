import Testing

@testable import ControlProtocol

@Suite struct JSONShapeTests {
    @Test(
        "brackets and commas are counted where they are none of a string's",
        arguments: [
            ("", 0, 0), ("1", 0, 0), ("[]", 1, 1), ("[1,2]", 1, 2), ("[[],[]]", 2, 4), (#"{"a":{"b":1},"c":2}"#, 2, 3),
            (#"["[,]"]"#, 1, 1), (#"["\"[,"]"#, 1, 1), (#"["\\",1]"#, 1, 2), ("[[[[", 4, 4), ("]]][", 0, 1),
        ])
    func shape(text: String, depth: Int, markCount: Int) {
        let shape = JSONShape(of: text.utf8)
        #expect(shape.depth == depth)
        #expect(shape.markCount == markCount)
    }
}
