import Testing

@testable import vserialctl

@Suite struct QEMUArgumentsTests {
    @Test(
        "words that a shell would change are quoted",
        arguments: [
            ("a,b=/c:@%+._-1", "a,b=/c:@%+._-1"), ("a b", "'a b'"), ("it's", #"'it'\''s'"#), ("$x", "'$x'"), ("", "''"),
            ("é", "'é'"),
        ])
    func quoted(word: String, expected: String) {
        #expect(QEMUArguments.quoted(word) == expected)
    }
}
