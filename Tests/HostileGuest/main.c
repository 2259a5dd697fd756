// The guest's side in a process of its own: it changes shared memory while the device reads it, as another processor
// does. One process alone takes turns and never shows a field that changes between two looks at it.
//
//     hostile-guest FILE FILE_OFFSET GUEST_BASE flip  LAYOUT SIZE MILLISECONDS FIRST LAST SECRET RING KICK RING KICK
//                                              (a transmitq and a receiveq)
//     hostile-guest FILE FILE_OFFSET GUEST_BASE drive LAYOUT SIZE CHAINS RING BUFFERS KICK CALL PAUSE
//
// FILE, KICK and CALL are descriptors, LAYOUT is split or packed; everything else is a number, RING and what follows it
// guest addresses. The three parts of a ring lie as close behind each other as they may.

#include "shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void give_up(const char *reason) {
    fprintf(stderr, "hostile-guest: %s\n", reason);
    exit(1);
}

void signal_event(int event) {
    const uint64_t one = 1;
    // A counter that is full is signalled already.
    ssize_t written = write(event, &one, sizeof(one));
    (void)written;
}

int main(int argument_count, char **arguments) {
    if (argument_count < 5) {
        give_up("arguments are missing");
    }
    int file = atoi(arguments[1]);
    off_t offset = strtoll(arguments[2], NULL, 0);
    struct stat status;
    if (fstat(file, &status) != 0 || status.st_size <= offset) {
        give_up("there is no memory");
    }
    struct machine machine = {
        .byte_count = (size_t)(status.st_size - offset),
        .guest_base = strtoull(arguments[3], NULL, 0),
    };
    machine.memory = mmap(NULL, machine.byte_count, PROT_READ | PROT_WRITE, MAP_SHARED, file, offset);
    if (machine.memory == MAP_FAILED) {
        give_up("memory cannot be mapped");
    }
    bool is_flip = strcmp(arguments[4], "flip") == 0;
    return (is_flip ? flip : drive)(&machine, argument_count - 5, arguments + 5);
}
