#define _GNU_SOURCE
#include "CLinux.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void clinux_name_current_thread(const char *name) {
    // Not pthread_setname_np(3), which refuses a name that is too long; this one shortens it. It cannot fail otherwise.
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

long clinux_thread_preemption_count(void) {
    struct rusage usage = {0};
    // It cannot fail: the constant is known to every kernel since 2.6.26, and the pointer is good.
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}
