#include "tls/frames.h"

#include <string.h>

#include "tls/wire.h"

static void begin(struct frames *f)
{
    f->have = f->n_body = 0;
    f->type = f->header[0];
    f->n++;
    f->left = (uint16_t)(f->header[3] << 8 | f->header[4]);
}

bool frames_feed(struct frames *f, const void *bytes, size_t len)
{
    struct wire in = {bytes, len}, part;
    bool seen = false;
    while (in.n > 0) {
        if (f->left > 0) {
            if (!wire_bytes(&in, in.n < f->left ? in.n : f->left, &part))
                break;
            f->left = (uint16_t)(f->left - part.n);
            for (size_t i = 0; i < part.n && f->n_body < sizeof f->body; i++)
                f->body[f->n_body++] = part.p[i];
        } else if (wire_u8(&in, &f->header[f->have]) && ++f->have == FRAME_HEADER) {
            begin(f);
            seen = seen || f->type == FRAME_CHANGE_CIPHER_SPEC;
        }
    }
    return seen;
}
