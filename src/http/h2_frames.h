/* The frames of one side of a connection of HTTP/2, walked by their headers alone (RFC 9113 section 4.1), and
 * counted by what they cost. Pure. */
#ifndef MTLSD_HTTP_H2_FRAMES_H
#define MTLSD_HTTP_H2_FRAMES_H

#include "http/h2.h"

enum { H2_FRAME_HEAD = 9, H2_PREFACE = 24 };

/* Embedded; {0} is before the first byte. */
struct h2_frames {
    uint8_t head[H2_FRAME_HEAD];
    uint32_t n_preface, n_head;
    uint32_t left; /* of the frame's content */
    uint32_t n_continuations;
    uint32_t n_data;      /* frames of it */
    uint32_t header_list; /* bytes of the head that is coming */
    uint64_t second_ms;   /* when the second began */
    uint32_t count[H2_LIMITS];
};

/* One more of a kind within the second at now_ms. True: it is one too many. */
bool h2_frames_count(struct h2_frames *frames, const struct h2_limits *limits, enum h2_limit kind,
                     uint64_t now_ms);

/* A frame of DATA went to the client. It earns him a PING: some clients (gRPC's) measure with each piece that
 * they get how much the way to us holds. */
void h2_frames_earn(struct h2_frames *frames);

/* A head begins; and has one field more. False: more than a head may come to (RFC 9113 section 6.5.2: with 32
 * bytes for each). */
void h2_frames_begin_head(struct h2_frames *frames);
bool h2_frames_fit(struct h2_frames *frames, const struct h2_limits *limits, size_t name_len, size_t len);

/* Walks bytes of a client. H2_LIMITS, or what they are too much of. */
enum h2_limit h2_frames_feed(struct h2_frames *frames, const struct h2_limits *limits, const char *bytes,
                             size_t len, uint64_t now_ms);

#endif
