/* A request-target. Besides not crashing, a path that is let through
 *  - is "*" or begins with a slash, holds no empty and no dot segment, no backslash, no control byte, only
 * UTF-8;
 *  - comes back as it is when it is encoded and normalised again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "http/path.h"

static void check(const char *path)
{
    size_t len = strlen(path);
    REQUIRE(path[0] == '/' && len <= PATH_MOST);
    REQUIRE(!strstr(path, "//") && !strstr(path, "/./") && !strstr(path, "/../") && !strchr(path, '\\'));
    REQUIRE(len < 2 || strcmp(path + len - 2, "/.") != 0);
    REQUIRE(len < 3 || strcmp(path + len - 3, "/..") != 0);
    for (size_t at = 0; at < len;) {
        uint32_t cp;
        size_t n = text_utf8_char((const unsigned char *)path + at, len - at, &cp);
        REQUIRE(n > 0 && cp >= 0x20 && cp != 0x7f);
        at += n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *target = malloc(size + 1);
    REQUIRE(target);
    if (size > 0)
        memcpy(target, data, size);
    target[size] = '\0';
    char path[PATH_MOST + 1], again[PATH_MOST + 1];
    const char *query;
    if (path_normalise(target, path, &query) == 0 && strcmp(path, "*") != 0) {
        check(path);
        REQUIRE(!query || (query > target && query <= target + size && query[-1] == '?'));
        struct buf encoded = {0};
        path_encode(&encoded, path);
        REQUIRE(!buf_failed(&encoded));
        REQUIRE(path_normalise(encoded.data, again, &query) == 0 && !query && strcmp(path, again) == 0);
        buf_done(&encoded);
    }
    /* With no slash that is encoded it is as before; and who takes one for a slash sees a path like any
     * other. */
    if (path_normalise_slashes(target, path, again, &query) == 0 && strcmp(path, "*") != 0) {
        check(again);
        REQUIRE(strchr(path, PATH_SLASH) || strcmp(path, again) == 0);
    }
    free(target);
    return 0;
}
