#include "server/http2_file.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* While it is open its number is no other file's. */
struct http2_file *http2_file_share(struct http2_file **all, int fd)
{
    struct stat st;
    struct http2_file *file = NULL;
    if (fstat(fd, &st) == 0) {
        for (file = *all; file && (file->dev != st.st_dev || file->ino != st.st_ino);)
            file = file->next;
        if (file) {
            file->refs++;
            close(fd);
            return file;
        }
        file = malloc(sizeof *file);
    }
    if (!file) {
        close(fd);
        return NULL;
    }
    *file = (struct http2_file){.next = *all, .dev = st.st_dev, .ino = st.st_ino, .fd = fd, .refs = 1};
    *all = file;
    return file;
}

void http2_file_drop(struct http2_file **all, struct http2_file *file)
{
    if (!file || --file->refs > 0)
        return;
    while (*all != file)
        all = &(*all)->next;
    *all = file->next;
    close(file->fd);
    free(file);
}
