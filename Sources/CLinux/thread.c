#define _GNU_SOURCE
#include "CLinux.h"

#include <sys/prctl.h>

void clinux_name_current_thread(const char *name) {
    // Not pthread_setname_np(3), which refuses a name that is too long; this one shortens it. It cannot fail otherwise.
    prctl(PR_SET_NAME, name, 0, 0, 0);
}
