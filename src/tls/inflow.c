#include "tls/inflow.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tls/share.h"

void inflow_skip(struct inflow *in, size_t n)
{
    in->bytes += n;
    in->len -= n;
    if (in->len == 0)
        inflow_done(in);
}

ssize_t inflow_read(struct inflow *in, struct tls_share *share, int fd, void *data, size_t size)
{
    /* GnuTLS asks for five bytes, then for the rest of the record: one recv() takes all that is there. A
     * readv() to both places would save the copy, and costs more than it. */
    if (in->len == 0) {
        ssize_t n;
        if (in->emptied && in->told) {
            errno = EAGAIN;
            return -1;
        }
        do
            n = recv(fd, share->input, sizeof share->input, 0);
        while (n < 0 && errno == EINTR);
        in->emptied = n > 0 && (size_t)n < sizeof share->input;
        if (n <= 0)
            return n;
        in->bytes = share->input;
        in->len = (size_t)n;
    }
    size_t n = in->len < size ? in->len : size;
    memcpy(data, in->bytes, n);
    inflow_skip(in, n);
    return (ssize_t)n;
}

ssize_t inflow_more(struct inflow *in, int fd, size_t most)
{
    if (in->bytes != in->own || in->room < most) {
        uint8_t *room = malloc(most);
        if (!room) {
            errno = ENOMEM;
            return -1;
        }
        if (in->len > 0)
            memcpy(room, in->bytes, in->len);
        free(in->own);
        in->own = in->bytes = room;
        in->room = most;
    }
    ssize_t n;
    do
        n = recv(fd, in->own + in->len, most - in->len, 0);
    while (n < 0 && errno == EINTR);
    in->emptied = n > 0 && (size_t)n < most - in->len;
    if (n > 0)
        in->len += (size_t)n;
    else if (in->len == 0)
        inflow_done(in);
    return n;
}

int inflow_settle(struct inflow *in)
{
    if (in->len == 0 || in->own)
        return 0;
    in->own = malloc(in->len);
    if (!in->own) {
        in->len = 0;
        return -1;
    }
    memcpy(in->own, in->bytes, in->len);
    in->bytes = in->own;
    in->room = in->len;
    return 0;
}

void inflow_done(struct inflow *in)
{
    free(in->own);
    *in = (struct inflow){.emptied = in->emptied, .told = in->told};
}
