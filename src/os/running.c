#include "os/running.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/pid_file.h"

enum { COMMAND_LINE = 8192, PATH_ROOM = 4096 };

/* One argument of a process, whose folder is `cwd`: "FILE", "-cFILE" or "--config=FILE". */
static bool names(const char *argument, const char *cwd, const struct stat *file)
{
    static const char *const PREFIXES[] = {"--config=", "-c", ""};
    char path[2 * PATH_ROOM];
    struct stat st;
    size_t i = 0;
    while (i < ARRAY_LEN(PREFIXES) - 1 && strncmp(argument, PREFIXES[i], strlen(PREFIXES[i])) != 0)
        i++;
    argument += strlen(PREFIXES[i]);
    if (*argument != '/' && !*cwd)
        return false;
    snprintf(path, sizeof path, "%s%s%s", *argument == '/' ? "" : cwd, *argument == '/' ? "" : "/", argument);
    return *argument && stat(path, &st) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino;
}

/* The command line `text`, each argument ended by a NUL, is one that serves this file. */
static bool serves(const char *text, size_t len, const char *cwd, const char *preset, const struct stat *file)
{
    const char *base = strrchr(text, '/'), *end = text + len, *at = text + strlen(text) + 1;
    if (strcmp(base ? base + 1 : text, "mtlsd") != 0)
        return false;
    if (at < end && *at != '-' && strcmp(at, "serve") != 0)
        return false; /* another command, or this one */
    bool named = false;
    for (; at < end; at += strlen(at) + 1) {
        if (names(at, cwd, file))
            return true;
        named = named || strncmp(at, "-c", 2) == 0 || strncmp(at, "--c", 3) == 0;
    }
    return !named && names(preset, "", file);
}

static bool process_serves(int proc, const char *pid, const char *preset, const struct stat *file)
{
    char name[PATH_ROOM], text[COMMAND_LINE + 1], cwd[PATH_ROOM];
    snprintf(name, sizeof name, "%s/cmdline", pid);
    int fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, COMMAND_LINE) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    snprintf(name, sizeof name, "%s/cwd", pid);
    ssize_t m = readlinkat(proc, name, cwd, sizeof cwd - 1);
    cwd[m > 0 ? m : 0] = '\0';
    return serves(text, (size_t)n, cwd, preset, file);
}

bool running_is(pid_t pid, const char *conf_file, const char *pid_file, const char *preset)
{
    char name[32];
    struct err err = {0};
    struct stat file;
    if (pid_file && pid_file_owner(pid_file, &err) == pid)
        return true;
    int proc = stat(conf_file, &file) == 0 ? open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    snprintf(name, sizeof name, "%ld", (long)pid);
    const bool is = proc >= 0 && process_serves(proc, name, preset, &file);
    if (proc >= 0)
        close(proc);
    return is;
}

bool running_with(const char *conf_file, const char *pid_file, const char *preset)
{
    struct err err = {0};
    struct stat file;
    if (pid_file && pid_file_owner(pid_file, &err) > 0)
        return true;
    DIR *proc = stat(conf_file, &file) == 0 ? opendir("/proc") : NULL;
    bool found = false;
    // cppcheck-suppress readdirCalled ; a stream of its own
    for (const struct dirent *entry; proc && !found && (entry = readdir(proc)) != NULL;)
        found = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
                process_serves(dirfd(proc), entry->d_name, preset, &file);
    if (proc)
        closedir(proc);
    return found;
}
