/* The option pid_file: the server's process number in a file that it locks as long as it lives, so that who
 * reads it knows whether it is true. */
#ifndef MTLSD_OS_PID_FILE_H
#define MTLSD_OS_PID_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Writes the file, with the rights that the process has at that time, and returns a descriptor that holds the
 * lock; no other of the same file may be opened. ERR_EXISTS: another process holds it, which one does that
 * may write it; a file that others have locked for reading is replaced. ERR_DENIED, ERR_IO. */
MUST_CHECK int pid_file_open(const char *path, struct err *err);
/* Removes the file where rights and sandbox allow, and empties it in any case. -1 is none. */
void pid_file_close(int fd, const char *path);

/* What the holder tells besides that it lives, by locks on bytes behind the file's end, which nobody can set
 * or keep it from giving up: the file itself has the number alone, for `kill $(cat FILE)`. Each does nothing
 * where `fd` is -1. */
/* It cannot connect to `n` ports from `first` on; port 0: to UNIX sockets. */
void pid_file_tell_closed_ports(int fd, unsigned first, unsigned n);
/* The `number`th reload begins, or has an outcome. */
enum pid_file_reload { PID_FILE_BEGUN, PID_FILE_DONE, PID_FILE_REFUSED };
void pid_file_tell_reload(int fd, unsigned number, enum pid_file_reload state);

/* False: the one who holds the file said that it cannot connect to this port. */
bool pid_file_connects(const char *path, unsigned port);
/* The last reload and its state; false where the holder tells nothing of reloads (or nobody holds it). */
bool pid_file_reload(const char *path, unsigned *number, enum pid_file_reload *state);

/* The process that holds the lock, or negative: ERR_NOTFOUND when there is none. */
MUST_CHECK pid_t pid_file_owner(const char *path, struct err *err);

#endif
