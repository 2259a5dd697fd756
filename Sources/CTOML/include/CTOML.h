// toml++ behind a C interface: a document as a list of its values, each with its place in the text.
//
// Everything of ours starts with ctoml_. Nothing throws; without memory the process ends.

#ifndef CTOML_H
#define CTOML_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A place in the text; both begin at 1, and a column is a character, not a byte.
typedef struct {
    uint32_t line;
    uint32_t column;
} ctoml_position;

typedef enum __attribute__((enum_extensibility(closed))) {
    CTOML_TABLE,
    CTOML_ARRAY,
    CTOML_STRING,
    CTOML_INTEGER,
    CTOML_FLOAT,
    CTOML_BOOLEAN,
    CTOML_DATE_OR_TIME,
} ctoml_kind;

/// One value. Its texts belong to the document, and end with no NUL.
typedef struct {
    ctoml_kind kind;
    /// Where the value begins.
    ctoml_position position;
    /// A string's bytes (UTF-8); a number without exponent; `true` or `false`. Empty for all else.
    const char *text;
    size_t text_byte_count;
    /// The key that a table has the value under; empty for an element of an array and for the document itself.
    const char *key;
    size_t key_byte_count;
    ctoml_position key_position;
    /// The values directly in this table or array. They follow, each with what is in it.
    size_t element_count;
} ctoml_node;

typedef struct ctoml_document ctoml_document;

/// The deepest that values may stand in each other; toml++'s own limit counts brackets and not dots.
#define CTOML_DEPTH_MAX 16

/// Reads a document, of which nothing is kept. The caller frees the result, an error too.
ctoml_document *ctoml_parse(const char *bytes, size_t byte_count);

void ctoml_free(ctoml_document *document);

/// Why the text is no TOML, with the place; NULL when it is. The text lives as long as the document.
const char *ctoml_error(const ctoml_document *document, size_t *byte_count, ctoml_position *position);

/// All values in the order that ctoml_node has, the document's own table first; none after an error. They live as long as
/// the document.
const ctoml_node *ctoml_nodes(const ctoml_document *document, size_t *count);

#ifdef __cplusplus
}
#endif

#endif
