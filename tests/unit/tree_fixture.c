#include "tree_fixture.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

char base[256];
int root = -1;

void tree_open(const char *name)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(base, sizeof base, "%s/mtlsd-%s-XXXXXX", tmp ? tmp : "/tmp", name);
    ck_assert_ptr_nonnull(mkdtemp(base));
    root = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(root, 0);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

void tree_remove(void)
{
    close(root);
    root = -1;
    ck_assert_int_eq(nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

bool has_openat2(void)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC};
    long fd = syscall(SYS_openat2, root, ".", &how, sizeof how);
    if (fd >= 0)
        close((int)fd);
    return fd >= 0;
}
