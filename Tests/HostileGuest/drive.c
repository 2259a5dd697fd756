// A driver that keeps every rule, on a processor of its own: one-byte chains as fast as the device uses them or one by one
// with pauses, with kicks and calls only where EVENT_IDX asks for them. A call that does not come is found by waiting for it in vain.

#include "shared.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct driver {
    bool is_packed;
    uint16_t size;
    uint64_t base, available, used, buffers;
    int kick, call;
    // Chains offered and taken back so far.
    uint64_t offered, taken;
};

/// How long a call may take before it counts as lost: far longer than a busy machine needs.
enum { patience_milliseconds = 20000 };

static _Atomic uint16_t *word(const struct machine *machine, uint64_t address) {
    return at(machine, address);
}

static uint16_t load(const struct machine *machine, uint64_t address) {
    return atomic_load_explicit(word(machine, address), memory_order_acquire);
}

static void store(const struct machine *machine, uint64_t address, uint16_t value) {
    atomic_store_explicit(word(machine, address), value, memory_order_release);
}

/// Whether position `count` of a packed ring is in an even lap, which begins with the wrap counter 1.
static bool wrap_at(const struct driver *driver, uint64_t count) {
    return count / driver->size % 2 == 0;
}

/// A place in a packed ring with its wrap counter, as event structures have it.
static uint16_t place_at(const struct driver *driver, uint64_t count) {
    return (uint16_t)(count % driver->size | (wrap_at(driver, count) ? 0x8000 : 0));
}

static bool is_used(const struct machine *machine, const struct driver *driver) {
    if (!driver->is_packed) {
        return load(machine, driver->used + 2) != (uint16_t)driver->taken;
    }
    uint16_t flags = load(machine, driver->base + 16 * (driver->taken % driver->size) + 14);
    bool is_available = flags & 1 << 7, is_back = flags & 1 << 15;
    return driver->taken < driver->offered && is_available == is_back && is_back == wrap_at(driver, driver->taken);
}

static void offer(const struct machine *machine, struct driver *driver) {
    uint64_t slot = driver->offered % driver->size;
    uint64_t descriptor = driver->base + 16 * slot;
    *(volatile uint64_t *)at(machine, descriptor) = driver->buffers + slot;
    *(volatile uint32_t *)at(machine, descriptor + 8) = 1;
    if (driver->is_packed) {
        *(volatile uint16_t *)at(machine, descriptor + 12) = (uint16_t)slot;
        store(machine, descriptor + 14, wrap_at(driver, driver->offered) ? 1 << 7 : 1 << 15);
        driver->offered++;
        return;
    }
    *(volatile uint32_t *)at(machine, descriptor + 12) = 0;
    *(volatile uint16_t *)at(machine, driver->available + 4 + 2 * slot) = (uint16_t)slot;
    driver->offered++;
    // One store of the whole index: a device that reads it byte by byte finds one that was never there.
    store(machine, driver->available + 2, (uint16_t)driver->offered);
}

/// Kicks for what was offered since `from`, if the device asked for it there.
static void kick(const struct machine *machine, const struct driver *driver, uint64_t from) {
    atomic_thread_fence(memory_order_seq_cst);
    bool is_wanted = true;
    if (driver->is_packed) {
        uint16_t place = load(machine, driver->used), flags = load(machine, driver->used + 2);
        is_wanted = flags == 0;
        for (uint64_t count = from; flags == 2 && count < driver->offered; count++) {
            is_wanted = is_wanted || place_at(driver, count) == place;
        }
    } else {
        uint16_t event = load(machine, driver->used + 4 + 8 * (uint64_t)driver->size);
        is_wanted = (uint16_t)(driver->offered - event - 1) < (uint16_t)(driver->offered - from);
    }
    if (is_wanted) {
        signal_event(driver->kick);
    }
}

/// Asks for a call for the next used chain.
static void want_call(const struct machine *machine, const struct driver *driver) {
    if (driver->is_packed) {
        store(machine, driver->available, place_at(driver, driver->taken));
        store(machine, driver->available + 2, 2);
    } else {
        store(machine, driver->available + 4 + 2 * (uint64_t)driver->size, (uint16_t)driver->taken);
    }
    atomic_thread_fence(memory_order_seq_cst);
}

static void wait_for_call(const struct driver *driver) {
    struct pollfd entry = {.fd = driver->call, .events = POLLIN};
    if (poll(&entry, 1, patience_milliseconds) != 1) {
        give_up("a call is missing: chains are used, or the device was not woken for them");
    }
    uint64_t count;
    ssize_t byte_count = read(driver->call, &count, sizeof(count));
    (void)byte_count;
}

static bool has_room(const struct driver *driver, uint64_t chain_count) {
    return driver->offered < chain_count && driver->offered - driver->taken < driver->size;
}

/// Lets the device come as far as it may, a little further or less far each time: what is offered meets every moment of its
/// turn, the one before it goes to sleep too.
static void pause_briefly(const struct driver *driver, uint64_t longest) {
    uint64_t random = (driver->offered * 0x9E3779B97F4A7C15ULL) >> 32;
    for (volatile uint64_t step = longest == 0 ? 0 : random % longest; step > 0; step--) {
    }
}

int drive(const struct machine *machine, int count, char **arguments) {
    if (count != 8) {
        give_up("drive: arguments are missing");
    }
    struct driver driver = {
        .is_packed = strcmp(arguments[0], "packed") == 0,
        .size = (uint16_t)atoi(arguments[1]),
        .base = strtoull(arguments[3], NULL, 0),
        .buffers = strtoull(arguments[4], NULL, 0),
        .kick = atoi(arguments[5]),
        .call = atoi(arguments[6]),
    };
    driver.available = driver.base + 16 * (uint64_t)driver.size;
    driver.used = driver.is_packed ? driver.available + 4 : (driver.available + 6 + 2 * (uint64_t)driver.size + 3) / 4 * 4;
    uint64_t chain_count = strtoull(arguments[2], NULL, 0), longest_pause = strtoull(arguments[7], NULL, 0);
    for (uint16_t slot = 0; slot < driver.size; slot++) {
        *(uint8_t *)at(machine, driver.buffers + slot) = (uint8_t)slot;
    }
    while (driver.taken < chain_count) {
        while (has_room(&driver, chain_count)) {
            uint64_t from = driver.offered;
            do {
                offer(machine, &driver);
            } while (longest_pause == 0 && has_room(&driver, chain_count));
            kick(machine, &driver, from);
            pause_briefly(&driver, longest_pause);
        }
        want_call(machine, &driver);
        if (!is_used(machine, &driver)) {
            wait_for_call(&driver);
        }
        while (is_used(machine, &driver)) {
            driver.taken++;
        }
        if (driver.taken > driver.offered) {
            give_up("more is used than was offered");
        }
    }
    return 0;
}
