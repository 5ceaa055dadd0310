/* Preloaded into mtlsd: before it first locks a file the one at ORPHAN is removed, as a server that ends at
 * that moment removes its pid_file. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int call(const char *name, int fd, int command, void *value)
{
    static bool removed;
    int (*real)(int, int, ...);
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(&real, &symbol, sizeof real);
    const char *orphan = getenv("ORPHAN");
    if (command == F_SETLK && orphan && !removed) {
        removed = true;
        (void)unlink(orphan);
    }
    return real(fd, command, value);
}

int own_fcntl(int fd, int command, ...) __asm__("fcntl");
int own_fcntl(int fd, int command, ...)
{
    va_list values;
    va_start(values, command);
    void *value = va_arg(values, void *);
    va_end(values);
    return call("fcntl", fd, command, value);
}

int own_fcntl64(int fd, int command, ...) __asm__("fcntl64");
int own_fcntl64(int fd, int command, ...)
{
    va_list values;
    va_start(values, command);
    void *value = va_arg(values, void *);
    va_end(values);
    return call("fcntl64", fd, command, value);
}
