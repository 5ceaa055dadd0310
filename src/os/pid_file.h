/* The option pid_file: the server's process number in a file that it locks as long as it lives, so that who
 * reads it knows whether it is true. */
#ifndef MTLSD_OS_PID_FILE_H
#define MTLSD_OS_PID_FILE_H

#include <sys/types.h>

#include "base/err.h"

/* Writes the file, with the rights that the process has at that time, and returns a descriptor that holds the
 * lock; no other of the same file may be opened. ERR_EXISTS: another process holds it. ERR_DENIED, ERR_IO. */
MUST_CHECK int pid_file_open(const char *path, struct err *err);
/* Empties the file. -1 is none. */
void pid_file_close(int fd);

/* The process that holds the lock, or negative: ERR_NOTFOUND when there is none. */
MUST_CHECK pid_t pid_file_owner(const char *path, struct err *err);

#endif
