// Every field that a device reads is changed at full speed: mostly to what it may be, so that the device gets far, and
// now and then to what it must not be.
//
// Buffers lie between FIRST and LAST, whatever address is paired with whatever length. An address that is not there is
// one that only a torn read could take for memory: its low half is that of SECRET, which no buffer ever reaches.

#include "shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ring_count = 2 };

struct flipped_ring {
    volatile uint64_t *descriptors;
    volatile uint16_t *available; // a packed ring's driver area
    volatile uint16_t *used;      // a packed ring's device area
    int kick;
};

struct flipper {
    bool is_packed;
    uint16_t size;
    uint64_t first, last, secret;
    uint64_t random;
};

/// xorshift64*: fast, and as good as it need be.
static uint64_t next_random(struct flipper *flipper) {
    flipper->random ^= flipper->random >> 12;
    flipper->random ^= flipper->random << 25;
    flipper->random ^= flipper->random >> 27;
    return flipper->random * 0x2545F4914F6CDD1DULL;
}

static uint64_t any_address(struct flipper *flipper, uint64_t random) {
    if (random % 64 == 0) {
        return (1ULL << 42) + flipper->secret;
    }
    return flipper->first + (random >> 8) % (flipper->last - flipper->first) / 16 * 16;
}

static uint32_t any_length(uint64_t random) {
    static const uint32_t lengths[] = {0, 1, 15, 16, 17, 64, 4096, 0};
    return lengths[random % 8];
}

/// The second word of a descriptor: length, flags and what the layout has beside them.
static uint64_t any_second_word(struct flipper *flipper, uint64_t random, bool is_receive) {
    uint16_t index = (random >> 16) % 128 == 0 ? (uint16_t)(random >> 32) : (uint16_t)(random >> 32) % flipper->size;
    // NEXT and INDIRECT now and then; WRITE where it belongs, but for one in 1024. Most tables could be right: what breaks
    // the ring at once spares the device all other fields.
    uint16_t flags = ((random >> 10) % 1024 != 0) == is_receive ? 2 : 0;
    bool is_table = (random >> 30) % 16 == 0, is_right = (random >> 40) % 64 != 0;
    flags |= (random >> 26) % 8 == 0 && !(is_table && is_right) ? 1 : 0;
    flags |= is_table ? 4 : 0;
    uint32_t length = is_table && is_right ? 64 : any_length(random);
    if (!flipper->is_packed) {
        return length | (uint64_t)flags << 32 | (uint64_t)index << 48;
    }
    // Available in one lap or the other, or in none.
    static const uint16_t laps[] = {1 << 7, 1 << 15, 1 << 7, 1 << 15, 1 << 7, 1 << 15, 0, 1 << 7 | 1 << 15};
    flags |= laps[(random >> 36) % 8];
    return length | (uint64_t)index << 32 | (uint64_t)flags << 48;
}

static void flip_split(struct flipper *flipper, struct flipped_ring *ring, uint64_t random) {
    uint16_t entry = (uint16_t)(random >> 48) % flipper->size;
    switch (random % 8) {
    case 0:
    case 1:
        // Mostly a little ahead of the device, however far it is.
        ring->available[1] = (uint16_t)(ring->used[1] + ((random >> 8) % 1024 == 0 ? random >> 20 : (random >> 20) % 8));
        break;
    case 2:
    case 3:
    case 4:
        ring->available[2 + entry] = (random >> 8) % 512 == 0 ? (uint16_t)(random >> 20) : (random >> 20) % flipper->size;
        break;
    case 5:
        ring->available[(random >> 8) % 2 == 0 ? 0 : 2 + flipper->size] = (uint16_t)(random >> 20);
        break;
    default:
        // The used ring is the device's: what stands there must not matter to it. Seldom, because the index above
        // follows it, and would be wrong from then on.
        if ((random >> 8) % 4096 == 0) {
            ring->used[(random >> 20) % (3 + 4 * flipper->size)] = (uint16_t)(random >> 32);
        }
    }
}

static void flip_packed(struct flipped_ring *ring, uint64_t random) {
    ring->available[random % 2] = (uint16_t)(random >> 20);
    if ((random >> 8) % 16 == 0) {
        ring->used[random % 2] = (uint16_t)(random >> 36);
    }
}

static uint64_t now_milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

int flip(const struct machine *machine, int count, char **arguments) {
    if (count != 6 + 2 * ring_count) {
        give_up("flip: arguments are missing");
    }
    struct flipper flipper = {
        .is_packed = strcmp(arguments[0], "packed") == 0,
        .size = (uint16_t)atoi(arguments[1]),
        .first = strtoull(arguments[3], NULL, 0),
        .last = strtoull(arguments[4], NULL, 0),
        .secret = strtoull(arguments[5], NULL, 0),
        .random = 0x9E3779B97F4A7C15ULL,
    };
    struct flipped_ring rings[ring_count];
    for (int index = 0; index < ring_count; index++) {
        uint64_t base = strtoull(arguments[6 + 2 * index], NULL, 0);
        uint64_t available = base + 16 * (uint64_t)flipper.size;
        uint64_t used = flipper.is_packed ? available + 4 : (available + 6 + 2 * (uint64_t)flipper.size + 3) / 4 * 4;
        rings[index] = (struct flipped_ring){
            .descriptors = at(machine, base), .available = at(machine, available), .used = at(machine, used),
            .kick = atoi(arguments[7 + 2 * index]),
        };
    }
    uint64_t end = now_milliseconds() + strtoull(arguments[2], NULL, 0);
    uint64_t flip_count = 0;
    while (now_milliseconds() < end) {
        for (int round = 0; round < 4096; round++, flip_count += 3) {
            uint64_t random = next_random(&flipper), other = next_random(&flipper);
            struct flipped_ring *ring = &rings[random >> 63];
            uint64_t slot = (other >> 40) % flipper.size;
            ring->descriptors[2 * slot] = any_address(&flipper, random);
            ring->descriptors[2 * slot + 1] = any_second_word(&flipper, other, ring == &rings[1]);
            if (flipper.is_packed) {
                flip_packed(ring, other);
            } else {
                flip_split(&flipper, ring, other);
            }
            // An indirect table, which may be anywhere among the buffers.
            uint64_t *entry = at(machine, any_address(&flipper, random | 1));
            *(volatile uint64_t *)&entry[0] = any_address(&flipper, other);
            *(volatile uint64_t *)&entry[1] = any_second_word(&flipper, random >> 1, random >> 62 & 1);
        }
        for (int index = 0; index < ring_count; index++) {
            signal_event(rings[index].kick);
        }
    }
    printf("%llu\n", (unsigned long long)flip_count);
    return 0;
}
