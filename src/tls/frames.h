/* The framing of TLS's record layer (RFC 8446 section 5.1), followed from outside: what goes by that GnuTLS's
 * handshake hook does not show. Pure; a dozen bytes of state for each direction. */
#ifndef MTLSD_TLS_FRAMES_H
#define MTLSD_TLS_FRAMES_H

#include "base/base.h"

enum frame_type {
    FRAME_CHANGE_CIPHER_SPEC = 20,
    FRAME_ALERT = 21, /* in the clear: under TLS 1.3's keys an alert looks like application data */
    FRAME_HANDSHAKE = 22,
    FRAME_APPLICATION_DATA = 23,
};

enum { FRAME_HEADER = 5 };

/* {0} begins. */
struct frames {
    uint8_t type; /* of the frame that began last, 0: none yet */
    uint8_t have; /* bytes in header[] */
    uint8_t header[FRAME_HEADER];
    uint8_t body[2]; /* the first bytes of that frame's content: an alert's level and description */
    uint8_t n_body;
    uint16_t left; /* bytes of that frame that did not come yet */
    uint32_t n;    /* frames that began */
};

/* Takes the next bytes of the stream. True when a ChangeCipherSpec went by among them. */
MUST_CHECK bool frames_feed(struct frames *frames, const void *bytes, size_t len);

/* The description of the plain alert that the last frame is; -1: it is none, or not whole. */
static inline int frames_alert(const struct frames *frames)
{
    bool plain = frames->type == FRAME_ALERT && frames->header[3] == 0 && frames->header[4] == 2;
    return plain && frames->have == 0 && frames->left == 0 ? frames->body[1] : -1;
}

#endif
