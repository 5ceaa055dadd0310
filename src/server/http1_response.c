#include "server/http1_response.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mapping.h"
#include "http/plain.h"

/* A file that is sent block by block. Read, not mapped: one that is cut short meanwhile ends the connection,
 * where touching lost pages would end the process. */
struct file_part {
    int fd;
    uint64_t offset;
};

/* As much as the transport takes for a batch. */
enum { FILE_BLOCK = 128 * 1024 };

static ssize_t read_part(void *cls, uint64_t at, char *out, size_t most)
{
    const struct file_part *part = cls;
    ssize_t n;
    do
        n = pread(part->fd, out, most, (off_t)(part->offset + at));
    while (n < 0 && errno == EINTR);
    return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_part(void *cls)
{
    struct file_part *part = cls;
    close(part->fd);
    free(part);
}

static void free_mapping(void *cls)
{
    mapping_free(cls);
}

static void free_bytes(void *cls)
{
    kept_bytes_unref(cls);
}

/* NULL: it cannot be mapped. */
static struct MHD_Response *mapped_file(const struct reply *reply, struct http1_sharing *sharing)
{
    const void *bytes;
    if (reply->length > SIZE_MAX / 2)
        return NULL;
    struct mapping *mapping = mapping_new(reply->fd, reply->offset, (size_t)reply->length, &bytes);
    if (!mapping)
        return NULL;
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        (size_t)reply->length, (void *)(uintptr_t)bytes, free_mapping, mapping);
    if (response)
        sharing->mapping = mapping;
    else
        mapping_free(mapping);
    return response;
}

/* sharing->shared becomes false when it cannot be. */
static struct MHD_Response *large_file(struct reply *reply, struct http1_sharing *sharing)
{
    struct MHD_Response *response = sharing->shared ? mapped_file(reply, sharing) : NULL;
    if (response)
        return response;
    sharing->shared = false;
    struct file_part *part = malloc(sizeof *part);
    if (!part)
        return NULL;
    *part = (struct file_part){reply->fd, reply->offset};
    response = MHD_create_response_from_callback(reply->length, FILE_BLOCK, read_part, part, free_part);
    if (response)
        reply->fd = -1;
    else
        free(part);
    return response;
}

/* False: it was cut short since it was looked at. */
static bool read_whole(const struct reply *reply, char *body)
{
    size_t len = (size_t)reply->length, have = 0;
    while (have < len) {
        ssize_t n = pread(reply->fd, body + have, len - have, (off_t)(reply->offset + have));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    return true;
}

static struct MHD_Response *small_file(const struct reply *reply)
{
    size_t len = (size_t)reply->length;
    char *body = malloc(len > 0 ? len : 1);
    struct MHD_Response *response = body && read_whole(reply, body)
                                        ? MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE)
                                        : NULL;
    if (!response)
        free(body);
    return response;
}

static struct MHD_Response *from_body(struct reply *reply)
{
    size_t len = 0;
    char *body = buf_take(&reply->body, &len);
    struct MHD_Response *response =
        body ? MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE) : NULL;
    if (!response)
        free(body);
    return response;
}

uint64_t http1_response_length(const struct reply *reply)
{
    return reply->fd >= 0 || reply->status == 304 ? reply->length : reply->body.len;
}

bool http1_response_is_bodiless(const struct reply *reply)
{
    return reply->status == 304 || reply->status == 204;
}

struct kept_bytes *http1_response_bytes(const struct reply *reply, const char *date, const char *connection)
{
    const size_t len = http1_response_is_bodiless(reply) ? 0 : (size_t)http1_response_length(reply);
    struct buf head;
    buf_init(&head, 0);
    plain_head(reply, date, http1_response_length(reply), connection, &head);
    struct kept_bytes *bytes =
        buf_failed(&head) || buf_failed(&reply->body) ? NULL : kept_bytes_new(head.data, head.len, len);
    buf_done(&head);
    if (!bytes || len == 0)
        return bytes;
    if (reply->fd < 0) {
        memcpy(bytes->bytes + bytes->head_len, reply->body.data, len);
    } else if (!read_whole(reply, bytes->bytes + bytes->head_len)) {
        kept_bytes_unref(bytes);
        bytes = NULL;
    }
    return bytes;
}

struct kept_bytes *http1_response_saying(const struct kept_bytes *bytes, const char *connection)
{
    const char *end = memchr(bytes->bytes, '\n', bytes->head_len);
    const size_t line = end ? (size_t)(end + 1 - bytes->bytes) : 0, rest = bytes->len - line;
    struct buf head;
    buf_init(&head, 0);
    buf_put(&head, bytes->bytes, line);
    plain_connection(connection, &head);
    struct kept_bytes *said = buf_failed(&head) ? NULL : kept_bytes_new(head.data, head.len, rest);
    if (said) {
        memcpy(said->bytes + head.len, bytes->bytes + line, rest);
        said->head_len += bytes->head_len - line;
    }
    buf_done(&head);
    return said;
}

/* Its body is in memory, behind the head that it is given with when it is asked for again. */
static struct MHD_Response *with_head(const struct reply *reply, const char *date,
                                      struct http1_sharing *sharing)
{
    struct kept_bytes *bytes = http1_response_bytes(reply, date, NULL);
    if (!bytes)
        return NULL;
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        bytes->len - bytes->head_len, bytes->bytes + bytes->head_len, free_bytes, bytes);
    if (response)
        sharing->bytes = bytes;
    else
        kept_bytes_unref(bytes);
    return response;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the library's type */
static ssize_t read_nothing(void *cls, uint64_t at, char *out, size_t most)
{
    (void)cls, (void)at, (void)out, (void)most;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

bool http1_response_is_small(const struct reply *reply)
{
    return reply->fd < 0 || reply->length <= HTTP1_SMALL_FILE;
}

struct MHD_Response *http1_response_new(struct reply *reply, const char *date, struct http1_sharing *sharing)
{
    const bool small = http1_response_is_small(reply);
    struct MHD_Response *response;
    if (reply->status == 304) /* MHD says a length in any case, and RFC 9110 section 8.6 allows only that of
                                 the 200. */
        response = MHD_create_response_from_callback(reply->length, 1, read_nothing, NULL, NULL);
    else if (small && sharing->again)
        response = with_head(reply, date, sharing);
    else if (reply->fd >= 0)
        response = small ? small_file(reply) : large_file(reply, sharing);
    else
        response = from_body(reply);
    if (!response)
        return NULL;
    bool good = MHD_add_response_header(response, MHD_HTTP_HEADER_DATE, date) == MHD_YES;
    if (good && reply->content_type)
        good =
            MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type) == MHD_YES;
    for (size_t i = 0; good && i < reply->n_headers; i++)
        good = MHD_add_response_header(response, reply->header[i].name, reply->header[i].value) == MHD_YES;
    if (good && reply->close)
        good = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
    if (!good) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}
