// Guest memory is a file that somebody else can truncate, or huge pages that the machine can poison. The next load then
// raises SIGBUS. The handler puts a page of zeros there and marks the range: the access completes, and its owner finds
// out by asking. (In a system call the same access is EFAULT, without a signal.)
//
// The handler runs on the thread that faulted, at any instruction of it. It therefore takes no lock, allocates nothing,
// and calls only sigaction(2), raise(3) and mmap(2); the last is not on POSIX's list of async-signal-safe functions,
// but is a bare system call in glibc and musl. A seccomp filter must keep mmap, rt_sigaction, rt_sigreturn and tgkill.

#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

struct guarded_range {
    // Set by the thread that owns the entry. Not looked at by the handler.
    atomic_bool is_taken;
    // Odd while the three fields below change (a sequence lock): a handler on another thread skips the entry then. That
    // is right, because the range it faulted in is in use, hence not changing.
    atomic_uint sequence;
    _Atomic(uintptr_t) base;
    atomic_size_t byte_count; // 0: guards nothing
    atomic_size_t page_size;
    atomic_bool was_hit;
};

static struct guarded_range ranges[CLINUX_FAULT_GUARD_RANGES_MAX];
static struct sigaction previous_action;
static pthread_once_t installation = PTHREAD_ONCE_INIT;

_Static_assert(ATOMIC_POINTER_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_BOOL_LOCK_FREE == 2,
               "a signal handler must not wait for a lock");

/// The number of the range that holds `address`, with the page it lies in; -1 when it is in none.
static int find_range(uintptr_t address, uintptr_t *page, size_t *page_size) {
    for (int index = 0; index < CLINUX_FAULT_GUARD_RANGES_MAX; index++) {
        struct guarded_range *range = &ranges[index];
        unsigned before = atomic_load_explicit(&range->sequence, memory_order_acquire);
        uintptr_t base = atomic_load_explicit(&range->base, memory_order_relaxed);
        size_t byte_count = atomic_load_explicit(&range->byte_count, memory_order_relaxed);
        size_t size = atomic_load_explicit(&range->page_size, memory_order_relaxed);
        // Pairs with the release fence and store in set_range(): fields of two settings are never mixed.
        atomic_thread_fence(memory_order_acquire);
        unsigned after = atomic_load_explicit(&range->sequence, memory_order_relaxed);
        if (before % 2 != 0 || before != after || address < base || address - base >= byte_count) {
            continue;
        }
        *page = address & ~(uintptr_t)(size - 1);
        *page_size = size;
        return index;
    }
    return -1;
}

static void handle_bus_error(int signal_number, siginfo_t *information, void *context) {
    (void)context;
    int saved_errno = errno;
    uintptr_t page;
    size_t page_size;
    // Codes above 0 come from the kernel. In a signal that a process sent, si_addr is not an address.
    bool is_fault = information->si_code > 0;
    int index = is_fault ? find_range((uintptr_t)information->si_addr, &page, &page_size) : -1;
    if (index >= 0
        && mmap((void *)page, page_size, PROT_READ | PROT_WRITE,
                MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED) {
        atomic_store_explicit(&ranges[index].was_hit, true, memory_order_release);
        errno = saved_errno;
        return;
    }

    // Not ours: give it back to who had it before us, the default action unless a crash reporter was there. A fault is
    // raised again when the instruction runs again; a signal that was sent would be lost without raise(3).
    sigaction(signal_number, &previous_action, NULL);
    if (!is_fault) {
        raise(signal_number);
    }
    errno = saved_errno;
}

static void install(void) {
    struct sigaction action = {.sa_sigaction = handle_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigemptyset(&action.sa_mask);
    // First a copy of what is there, so that a fault between the two finds it.
    sigaction(SIGBUS, NULL, &previous_action);
    sigaction(SIGBUS, &action, NULL);
}

void clinux_fault_guard_install(void) {
    pthread_once(&installation, install);
}

/// Only the thread that took the entry calls this.
static void set_range(struct guarded_range *range, uintptr_t base, size_t byte_count, size_t page_size) {
    unsigned sequence = atomic_load_explicit(&range->sequence, memory_order_relaxed);
    atomic_store_explicit(&range->sequence, sequence + 1, memory_order_relaxed);
    // Pairs with the acquire fence in find_range(): who sees a new field sees the odd number too.
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&range->base, base, memory_order_relaxed);
    atomic_store_explicit(&range->byte_count, byte_count, memory_order_relaxed);
    atomic_store_explicit(&range->page_size, page_size, memory_order_relaxed);
    atomic_store_explicit(&range->sequence, sequence + 2, memory_order_release);
}

int clinux_fault_guard_add(const void *base, size_t byte_count, size_t page_size) {
    for (int index = 0; index < CLINUX_FAULT_GUARD_RANGES_MAX; index++) {
        struct guarded_range *range = &ranges[index];
        if (atomic_exchange_explicit(&range->is_taken, true, memory_order_acquire)) {
            continue;
        }
        atomic_store_explicit(&range->was_hit, false, memory_order_relaxed);
        set_range(range, (uintptr_t)base, byte_count, page_size);
        return index;
    }
    errno = ENOSPC;
    return -1;
}

void clinux_fault_guard_remove(int guard) {
    struct guarded_range *range = &ranges[guard];
    set_range(range, 0, 0, 1);
    atomic_store_explicit(&range->is_taken, false, memory_order_release);
}

bool clinux_fault_guard_was_hit(int guard) {
    return atomic_load_explicit(&ranges[guard].was_hit, memory_order_acquire);
}
