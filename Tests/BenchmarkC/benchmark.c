#define _GNU_SOURCE
#include "CBenchmark.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int benchmark_pin_thread(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    return sched_setaffinity(0, sizeof set, &set);
}

int benchmark_duplicate_descriptor(pid_t process, int descriptor) {
    int handle = (int)syscall(SYS_pidfd_open, process, 0);
    if (handle < 0) {
        return -1;
    }
    int duplicate = (int)syscall(SYS_pidfd_getfd, handle, descriptor, 0);
    int reason = errno;
    close(handle);
    errno = reason;
    return duplicate;
}

uint64_t benchmark_process_nanoseconds(pid_t process) {
    clockid_t clock;
    struct timespec time;
    // Not /proc/PID/schedstat, which is of one thread and as old as the last tick.
    if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0) {
        return 0;
    }
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
