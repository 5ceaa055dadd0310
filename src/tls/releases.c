#include "config.h"

#include "tls/releases.h"

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

bool release_is_tried(const char *release, const char *tried)
{
    size_t len = strlen(release);
    for (const char *at = tried; at; at = strchr(at, ',')) {
        at += strspn(at, ", ");
        if (strcspn(at, ",") == len && strncmp(at, release, len) == 0)
            return true;
    }
    return false;
}

void releases_untried(char out[static RELEASES_BYTES])
{
    const struct {
        const char *library, *release, *tried;
    } used[] = {
        {"libmicrohttpd", MHD_get_version(), MTLSD_TRIED_MICROHTTPD},
        {"GnuTLS", gnutls_check_version(NULL), MTLSD_TRIED_GNUTLS},
    };
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(used) && at < RELEASES_BYTES; i++) {
        if (!release_is_tried(used[i].release, used[i].tried))
            at += (size_t)snprintf(out + at, RELEASES_BYTES - at, "%s%s %s (tried: %s)", at ? ", " : "",
                                   used[i].library, used[i].release, used[i].tried);
    }
}
