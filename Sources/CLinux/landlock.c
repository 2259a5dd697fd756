// Landlock has no library in Debian 12: three system calls. The header may be older than the kernel, so what it does not
// know yet is written out here, with the ABI that brought it (landlock(7)).

#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FS_REFER (1ULL << 13)      // ABI 2
#define FS_TRUNCATE (1ULL << 14)   // ABI 3
#define FS_IOCTL_DEV (1ULL << 15)  // ABI 5
#define NET_BIND_TCP (1ULL << 0)   // ABI 4
#define NET_CONNECT_TCP (1ULL << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)  // ABI 6
#define SCOPE_SIGNAL (1ULL << 1)

// As large as ABI 6 has it. An older kernel takes a larger one when what it does not know is zero.
struct ruleset_attributes {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

int clinux_landlock_abi(void) {
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static uint64_t file_rights(int abi) {
    // Thirteen rights from EXECUTE to MAKE_SYM are ABI 1.
    uint64_t rights = (1ULL << 13) - 1;
    if (abi >= 2) {
        rights |= FS_REFER;
    }
    if (abi >= 3) {
        rights |= FS_TRUNCATE;
    }
    if (abi >= 5) {
        rights |= FS_IOCTL_DEV;
    }
    return rights;
}

int clinux_landlock_create(void) {
    int abi = clinux_landlock_abi();
    if (abi < 1) {
        return -1;
    }
    struct ruleset_attributes attributes = {.handled_access_fs = file_rights(abi)};
    if (abi >= 4) {
        attributes.handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
    }
    if (abi >= 6) {
        attributes.scoped = SCOPE_SIGNAL | SCOPE_ABSTRACT_UNIX_SOCKET;
    }
    return (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
}

static int add_rule(int ruleset, int directory, uint64_t rights) {
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = directory};
    return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

int clinux_landlock_allow_reading(int ruleset, int directory) {
    return add_rule(ruleset, directory, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
}

int clinux_landlock_allow_files(int ruleset, int directory) {
    int abi = clinux_landlock_abi();
    uint64_t rights = LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                      LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    // FS_REFER is not needed: nothing is moved out of its directory.
    if (abi >= 3) {
        rights |= FS_TRUNCATE;
    }
    return add_rule(ruleset, directory, rights);
}

int clinux_landlock_enforce(int ruleset) {
    return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}
