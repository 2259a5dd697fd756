#define _GNU_SOURCE
#include "CLinux.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

int clinux_memory_file(const char *name) {
    return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

size_t clinux_mapping_page_size(int file) {
    struct statfs status;
    if (fstatfs(file, &status) != 0) {
        return 0;
    }
    // Only hugetlbfs aligns mappings by its block size; elsewhere (NFS, tmpfs with huge=) that number is a hint.
    return status.f_type == HUGETLBFS_MAGIC ? (size_t)status.f_bsize : (size_t)sysconf(_SC_PAGESIZE);
}
