// What the two kinds of guest share: the memory of the machine, and how a program of the test suite gives up.

#ifndef HOSTILE_GUEST_SHARED_H
#define HOSTILE_GUEST_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Guest memory, mapped whole, and where guest address 0 would be in it.
struct machine {
    uint8_t *memory;
    size_t byte_count;
    uint64_t guest_base;
};

/// Where a guest address is in this process.
static inline void *at(const struct machine *machine, uint64_t address) {
    return machine->memory + (address - machine->guest_base);
}

/// Ends the program with a line on stderr.
_Noreturn void give_up(const char *reason);

/// Adds one to an eventfd.
void signal_event(int event);

/// Writes every field of rings, right and wrong, until the time is over.
int flip(const struct machine *machine, int count, char **arguments);

/// Drives one ring as a driver should, and finds out whether a call is ever missing.
int drive(const struct machine *machine, int count, char **arguments);

#endif
