// System calls that fail when a test wants them to.
//
// Linked into the test program, these functions take the place of the C library's. They make the call, unless it is one
// that this thread has asked to fail: other threads, with tests of their own, notice nothing.

#ifndef CSYSTEMCALLFAULTS_H
#define CSYSTEMCALLFAULTS_H

/// What happens to the call that is chosen.
enum system_call_fault {
    /// EINTR, for calls that wait or move bytes.
    system_call_fault_interrupted,
    /// EAGAIN, for calls that move bytes or accept.
    system_call_fault_would_block,
    /// One byte is moved, where more could be.
    system_call_fault_short,
    /// ENOMEM, for every call that may need memory of the kernel.
    system_call_fault_no_memory,
    /// EMFILE, for calls that make a descriptor.
    system_call_fault_no_descriptor,
};

/// Lets the `number`-th call from here on that can have this fault have it; 0 only counts them. On this thread only.
void system_call_faults_begin(enum system_call_fault fault, unsigned number);

/// Goes on counting, or stops for a while: what a test does itself must not count.
void system_call_faults_pause(int is_paused);

/// Ends it; returns how many calls could have had the fault.
unsigned system_call_faults_end(void);

#endif
