#include "CLinux.h"

// packed: no alignment is assumed. may_alias: the bytes may have been written as any type. On x86-64 and arm64 it
// is one load all the same.
struct __attribute__((packed, may_alias)) unaligned_word {
    uint64_t value;
};

void clinux_copy_from_shared(void *destination, const volatile void *source, size_t length) {
    const volatile unsigned char *from = source;
    unsigned char *to = destination;
    // Whole words first: what is copied is mostly one 16-byte descriptor.
    for (; length >= sizeof(uint64_t); length -= sizeof(uint64_t)) {
        ((struct unaligned_word *)to)->value = ((const volatile struct unaligned_word *)from)->value;
        to += sizeof(uint64_t);
        from += sizeof(uint64_t);
    }
    while (length-- > 0)
        *to++ = *from++;
}
