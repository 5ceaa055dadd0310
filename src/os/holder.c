#include "os/holder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

enum { SOCKETS_MOST = 32, STATE_LISTEN = 10, ACCEPTS = 1 << 16, LINE_ROOM = 512, PATH_ROOM = 512 };

/* The sockets that listen there; more than that many have holders who are found by the others. */
struct sockets {
    unsigned long inode[SOCKETS_MOST];
    size_t n;
};

static void take(struct sockets *sockets, unsigned long inode)
{
    if (sockets->n < SOCKETS_MOST)
        sockets->inode[sockets->n++] = inode;
}

static void find_at_port(const char *list, unsigned wanted, struct sockets *out)
{
    FILE *file = fopen(list, "re");
    char line[LINE_ROOM];
    while (file && fgets(line, sizeof line, file)) {
        unsigned port, state;
        unsigned long inode;
        // NOLINTNEXTLINE(cert-err34-c): the kernel wrote it, with few digits
        if (sscanf(line, "%*u: %*32[0-9A-Fa-f]:%x %*32[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu", &port,
                   &state, &inode) == 3 &&
            port == wanted && state == STATE_LISTEN)
            take(out, inode);
    }
    if (file)
        fclose(file);
}

static void find_at_path(const char *wanted, struct sockets *out)
{
    FILE *file = fopen("/proc/net/unix", "re");
    char line[LINE_ROOM];
    while (file && fgets(line, sizeof line, file)) {
        unsigned flags;
        unsigned long inode;
        int path = 0;
        line[strcspn(line, "\n")] = '\0';
        // NOLINTNEXTLINE(cert-err34-c): the kernel wrote it, with few digits
        if (sscanf(line, "%*s %*x %*x %x %*x %*x %lu %n", &flags, &inode, &path) == 2 && path > 0 &&
            (flags & ACCEPTS) != 0 && strcmp(line + path, wanted) == 0)
            take(out, inode);
    }
    if (file)
        fclose(file);
}

static void find_sockets(unsigned port, const char *path, struct sockets *out)
{
    out->n = 0;
    if (path) {
        find_at_path(path, out);
    } else {
        find_at_port("/proc/net/tcp", port, out);
        find_at_port("/proc/net/tcp6", port, out);
    }
}

bool holder_of_port(unsigned port)
{
    struct sockets sockets;
    find_sockets(port, NULL, &sockets);
    return sockets.n > 0;
}

bool holder_of_path(const char *path)
{
    struct sockets sockets;
    find_sockets(0, path, &sockets);
    return sockets.n > 0;
}

/* What a descriptor leads to, "socket:[INODE]", is one of these. */
static bool leads_to(int fds, const char *fd, const struct sockets *sockets)
{
    char target[64];
    unsigned long inode;
    ssize_t n = readlinkat(fds, fd, target, sizeof target - 1);
    target[n > 0 ? n : 0] = '\0';
    // NOLINTNEXTLINE(cert-err34-c): the kernel wrote it
    if (sscanf(target, "socket:[%lu]", &inode) != 1)
        return false;
    size_t i = 0;
    while (i < sockets->n && sockets->inode[i] != inode)
        i++;
    return i < sockets->n;
}

static bool has_one(const char *pid, const struct sockets *sockets)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *fds = opendir(path);
    bool found = false;
    // cppcheck-suppress readdirCalled ; a stream of its own
    for (const struct dirent *entry; fds && !found && (entry = readdir(fds)) != NULL;)
        found = leads_to(dirfd(fds), entry->d_name, sockets);
    if (fds)
        closedir(fds);
    return found;
}

static void name_it(const char *pid, struct holder *out)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "/proc/%s/comm", pid);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(out->name, sizeof out->name, file))
        snprintf(out->name, sizeof out->name, "a program");
    if (file)
        fclose(file);
    out->name[strcspn(out->name, "\n")] = '\0';
    for (char *c = out->name; *c; c++)
        *c = *c >= ' ' && *c < 0x7f ? *c : '?';
    out->pid = (pid_t)strtol(pid, NULL, 10);
}

size_t holder_find(unsigned port, const char *path, struct holder *out, size_t most)
{
    struct sockets sockets;
    size_t n = 0;
    find_sockets(port, path, &sockets);
    DIR *proc = sockets.n > 0 ? opendir("/proc") : NULL;
    // cppcheck-suppress readdirCalled ; a stream of its own
    for (const struct dirent *entry; proc && n < most && (entry = readdir(proc)) != NULL;) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && has_one(entry->d_name, &sockets))
            name_it(entry->d_name, &out[n++]);
    }
    if (proc)
        closedir(proc);
    return n;
}
