#include <stdlib.h>

#include "fuzz.h"
#include "tls/proxy_header.h"

/* A header is never longer than what there is, and what was needed more of is taken or refused in the end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (unsigned versions = PROXY_V1; versions <= (PROXY_V1 | PROXY_V2); versions++) {
        struct proxy_header header;
        const char *why = NULL;
        int used = proxy_header_parse(data, size, versions, &header, &why);
        if (used > (int)size || used > PROXY_MOST || (used < 0 && !why) || (used == 0 && size >= PROXY_MOST))
            abort();
    }
    return 0;
}
