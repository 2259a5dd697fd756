// ThreadSanitizer knows what happens before what from the calls that it intercepts and from the atomics of code that it
// compiled. Synchronization.Mutex is an atomic in our code while nobody else wants it; when two threads meet, the way
// goes through the library's slow functions and the kernel (FUTEX_LOCK_PI), which it does not see, and sound code is
// called a race. The linker puts these in front of the two (--wrap), so that they say it.

#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *

// The atomic lies at the handle's own address: both ways order the same thing.
void __tsan_acquire(void *address);
void __tsan_release(void *address);

// Synchronization._MutexHandle._lockSlow(_: UInt32) and ._unlockSlow()
SWIFT void __real_$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF(uint32_t thread, SELF self);
SWIFT void __real_$s15Synchronization12_MutexHandleV11_unlockSlowyyF(SELF self);

SWIFT void __wrap_$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF(uint32_t thread, SELF self) {
    __real_$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF(thread, self);
    __tsan_acquire(self);
}

SWIFT void __wrap_$s15Synchronization12_MutexHandleV11_unlockSlowyyF(SELF self) {
    __tsan_release(self);
    __real_$s15Synchronization12_MutexHandleV11_unlockSlowyyF(self);
}
