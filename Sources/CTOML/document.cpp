#include "CTOML.h"

#include <array>
#include <charconv>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

// Only reading, and no exceptions: an error is a result.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// Version 3.3.0 asserts, of a key in a table's header, what it checks two lines below: `[=` would end the process. With
// NDEBUG the compiler may even take it for granted, and leave the check out.
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

struct ctoml_document {
    toml::parse_result result;
    std::vector<ctoml_node> nodes;
    // The texts that toml++ has not: numbers. A deque, whose elements stay where they are.
    std::deque<std::string> texts;
    std::string error;
    ctoml_position error_position{};
};

namespace {

ctoml_position position_of(const toml::source_region &region) {
    return {region.begin.line, region.begin.column};
}

// Digits alone, as many as it takes to read the same number: no exponent, and no point that is not there for a reason.
std::string float_text(double value) {
    std::array<char, 512> digits;
    auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed).ptr;
    std::string text(digits.data(), end);
    // 1.0 stays different from 1, which is an integer.
    if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
    return text;
}

// Writes a tree down as a list.
class Lister {
public:
    explicit Lister(ctoml_document &document) : document(document) {}

    bool add(const toml::node &value, const toml::key *key, int depth) {
        if (depth > CTOML_DEPTH_MAX) {
            document.error = "values stand too deep in each other";
            document.error_position = position_of(value.source());
            return false;
        }
        ctoml_node node{};
        node.position = position_of(value.source());
        if (key) {
            node.key = key->str().data();
            node.key_byte_count = key->str().size();
            node.key_position = position_of(key->source());
        }
        describe(value, node);
        document.nodes.push_back(node);
        return add_elements(value, depth);
    }

private:
    void describe(const toml::node &value, ctoml_node &node) {
        switch (value.type()) {
        case toml::node_type::table:
            node.kind = CTOML_TABLE;
            node.element_count = value.as_table()->size();
            break;
        case toml::node_type::array:
            node.kind = CTOML_ARRAY;
            node.element_count = value.as_array()->size();
            break;
        case toml::node_type::string:
            node.kind = CTOML_STRING;
            set_text(node, value.as_string()->get());
            break;
        case toml::node_type::integer:
            node.kind = CTOML_INTEGER;
            set_text(node, document.texts.emplace_back(std::to_string(value.as_integer()->get())));
            break;
        case toml::node_type::floating_point:
            node.kind = CTOML_FLOAT;
            set_text(node, document.texts.emplace_back(float_text(value.as_floating_point()->get())));
            break;
        case toml::node_type::boolean:
            node.kind = CTOML_BOOLEAN;
            set_text(node, value.as_boolean()->get() ? std::string_view("true") : std::string_view("false"));
            break;
        default: node.kind = CTOML_DATE_OR_TIME; break;
        }
    }

    bool add_elements(const toml::node &value, int depth) {
        if (auto table = value.as_table()) {
            for (auto &&[key, element] : *table) {
                if (!add(element, &key, depth + 1)) return false;
            }
        } else if (auto array = value.as_array()) {
            for (auto &&element : *array) {
                if (!add(element, nullptr, depth + 1)) return false;
            }
        }
        return true;
    }

    static void set_text(ctoml_node &node, std::string_view text) {
        node.text = text.data();
        node.text_byte_count = text.size();
    }

    ctoml_document &document;
};

} // namespace

ctoml_document *ctoml_parse(const char *bytes, size_t byte_count) {
    auto document = new ctoml_document{toml::parse(std::string_view(bytes, byte_count)), {}, {}, {}, {}};
    if (!document->result) {
        document->error = document->result.error().description();
        document->error_position = position_of(document->result.error().source());
    } else if (!Lister(*document).add(document->result.table(), nullptr, 0)) {
        document->nodes.clear();
    }
    return document;
}

void ctoml_free(ctoml_document *document) {
    delete document;
}

const char *ctoml_error(const ctoml_document *document, size_t *byte_count, ctoml_position *position) {
    if (document->error.empty()) return nullptr;
    *byte_count = document->error.size();
    *position = document->error_position;
    return document->error.data();
}

const ctoml_node *ctoml_nodes(const ctoml_document *document, size_t *count) {
    *count = document->nodes.size();
    return document->nodes.data();
}
