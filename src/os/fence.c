#include "os/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's interface (Documentation/userspace-api/landlock.rst), which is younger than many a libc's
 * headers. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

enum {
    CREATE_RULESET_VERSION = 1,
    RULE_PATH_BENEATH = 1,
    RULE_NET_PORT = 2,
    NET_CONNECT = 1 << 1,
    SCOPE_ABSTRACT = 1
};

enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_REG = 1 << 8,
    FS_TRUNCATE = 1 << 14,
    FS_FILE = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE |
              1 << 15, /* what a rule for a file may have */
};

/* What each version can forbid. A right that is not handled is not forbidden. */
static const struct {
    uint64_t fs, net, scoped;
} VERSIONS[] = {
    [1] = {.fs = (1 << 13) - 1},
    [2] = {.fs = (1 << 14) - 1},                        /* renaming and linking across folders */
    [3] = {.fs = (1 << 15) - 1},                        /* truncation */
    [4] = {.fs = (1 << 15) - 1, .net = 3},              /* TCP: bind, connect */
    [5] = {.fs = (1 << 16) - 1, .net = 3},              /* ioctl of devices */
    [6] = {.fs = (1 << 16) - 1, .net = 3, .scoped = 3}, /* abstract sockets, signals */
};

struct ruleset {
    uint64_t fs, net, scoped;
};

struct rule {
    uint64_t access;
    int32_t parent;
} __attribute__((packed));

struct port_rule {
    uint64_t access, port;
};

struct fence {
    int fd;
    bool network;
    uint64_t handled;
};

int fence_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    return version > 0 ? (int)version : 0;
}

static size_t known(int version)
{
    const size_t most = ARRAY_LEN(VERSIONS) - 1;
    return (size_t)version < most ? (size_t)version : most;
}

bool fence_has_network(int version)
{
    return VERSIONS[known(version)].net != 0;
}

int fence_new(int version, enum fence_around around, struct fence **out, struct err *err)
{
    const size_t v = known(version);
    struct ruleset ruleset = {VERSIONS[v].fs, VERSIONS[v].net, VERSIONS[v].scoped};
    if (around == FENCE_NETWORK) {
        ruleset.fs = 0;
        ruleset.scoped &=
            ~(uint64_t)SCOPE_ABSTRACT; /* who is let at every file is let at these sockets too */
    }
    struct fence *fence = calloc(1, sizeof *fence);
    if (!fence)
        return err_nomem(err);
    /* An older kernel takes the longer struct as long as what it does not know is zero. */
    fence->fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0);
    fence->handled = ruleset.fs;
    fence->network = ruleset.net != 0;
    if (fence->fd < 0) {
        int rc = err_set(err, ERR_IO, "Landlock: %s", strerror(errno));
        fence_free(fence);
        return rc;
    }
    *out = fence;
    return 0;
}

int fence_open(struct fence *fence, const char *path, enum fence_use use, struct err *err)
{
    static const uint64_t ACCESS[] = {
        [FENCE_READ] = FS_READ_FILE | FS_READ_DIR,
        [FENCE_LOG] = FS_WRITE_FILE | FS_MAKE_REG | FS_TRUNCATE,
        [FENCE_GONE] = FS_REMOVE_FILE,
        [FENCE_ALL] = ~(uint64_t)FS_EXECUTE,
    };
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == EACCES || errno == ENOTDIR
                   ? 0
                   : err_set(err, ERR_IO, "sandbox: %s: %s", path, strerror(errno));
    struct stat st;
    int rc = fstat(fd, &st);
    struct rule rule = {ACCESS[use] & fence->handled, fd};
    if (rc == 0 && !S_ISDIR(st.st_mode))
        rule.access &= FS_FILE;
    if (rc == 0)
        rc = (int)syscall(SYS_landlock_add_rule, fence->fd, RULE_PATH_BENEATH, &rule, 0);
    if (rc != 0)
        rc = err_set(err, ERR_IO, "Landlock: %s: %s", path, strerror(errno));
    close(fd);
    return rc;
}

int fence_connect(struct fence *fence, unsigned short port, struct err *err)
{
    const struct port_rule rule = {NET_CONNECT, port};
    if (!fence->network)
        return err_set(err, ERR_NOTFOUND, "Landlock: this kernel knows no ports");
    if (syscall(SYS_landlock_add_rule, fence->fd, RULE_NET_PORT, &rule, 0) != 0)
        return err_set(err, ERR_IO, "Landlock: port %u: %s", port, strerror(errno));
    return 0;
}

int fence_close(const struct fence *fence, struct err *err)
{
    if (syscall(SYS_landlock_restrict_self, fence->fd, 0) != 0)
        return err_set(err, ERR_DENIED, "Landlock: %s", strerror(errno));
    return 0;
}

void fence_free(struct fence *fence)
{
    if (!fence)
        return;
    if (fence->fd >= 0)
        close(fence->fd);
    free(fence);
}
