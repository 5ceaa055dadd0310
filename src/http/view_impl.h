/* Shared by view*.c and problem.c: jansson values that cannot get lost. Private to http. */
#ifndef MTLSD_HTTP_VIEW_IMPL_H
#define MTLSD_HTTP_VIEW_IMPL_H

#include <jansson.h>
#include <time.h>

#include "base/base.h"
#include "pki/certinfo.h"
#include "tls/client_hello.h"

/* A string, null for NULL. Text that is no valid UTF-8 is escaped: an object is never lost for one of its
 * strings. */
json_t *view_text(const char *text);
/* Bytes that a peer chose, escaped. */
json_t *view_bytes(const void *bytes, size_t len);
/* The texts of names. */
json_t *view_names(const struct certname *name, size_t n);
/* Names of numbers, "GREASE" or "0x1234" where there is none. */
json_t *view_numbers(const uint16_t *v, size_t n, const char *(*name)(uint16_t));
json_t *view_hello_versions(const struct client_hello *hello);
json_t *view_hello_protocols(const struct client_hello *hello);
/* RFC 3339. */
json_t *view_time(time_t t);
/* Takes over `value`; false when either is NULL (memory is short). `key` is plain ASCII. */
bool view_put(json_t *object, const char *key, json_t *value);
bool view_append(json_t *array, json_t *value);
/* Writes what stands `depth` levels deep in a text that the caller has begun; drops the value. */
void view_write_at(json_t *value, size_t depth, struct buf *out);
/* The value, or NULL after dropping it when something in it failed. */
json_t *view_finish(json_t *value, bool good);

#endif
