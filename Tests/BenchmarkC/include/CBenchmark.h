// What the benchmark needs of Linux behind _GNU_SOURCE. Result and errno are those of the system call.

#ifndef CBENCHMARK_H
#define CBENCHMARK_H

#include <stdint.h>
#include <sys/types.h>

/// sched_setaffinity(2): the calling thread, and those it starts, run on this processor only.
int benchmark_pin_thread(int processor);

/// pidfd_getfd(2): our own duplicate of a descriptor of another process.
int benchmark_duplicate_descriptor(pid_t process, int descriptor);

/// The processor time of a whole process, ended threads included, in nanoseconds; 0 when there is no such process.
uint64_t benchmark_process_nanoseconds(pid_t process);

#endif
