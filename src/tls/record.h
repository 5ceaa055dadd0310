/* The record of a handshake: each of its messages in order, as GnuTLS's handshake hook showed them (nothing
 * to do with TLS's record layer, but for the ChangeCipherSpec that only that layer sees). What a message says
 * is kept as raw facts and becomes JSON when somebody asks. Bounded, whatever the peer sends; a finished one
 * takes some 1 to 2 KiB.
 *
 * It belongs to its connection's thread while it grows. After record_end it may be shared, and only be read.
 */
#ifndef MTLSD_TLS_RECORD_H
#define MTLSD_TLS_RECORD_H

#include "base/buf.h"
#include "tls/client_hello.h"
#include "tls/record_detail.h"

enum { RECORD_MOST_MESSAGES = 64, RECORD_MOST_DETAIL = 16 * 1024 };

enum record_side { RECORD_CLIENT, RECORD_SERVER };

struct record;

/* Times are microseconds of one clock; `begun_us` is the accept. `asks`: clients of this listener are asked
 * for a certificate. `whole`: false keeps what the first ClientHello offered and nothing else. NULL when
 * memory is short; every function takes a NULL record and does nothing. */
struct record *record_new(uint64_t begun_us, bool asks, bool whole);
/* The ClientHello says for which host it is, and whether clients of that are asked. `record` may be NULL. */
void record_for(struct record *record, bool asks);
struct record *record_ref(struct record *record);
void record_unref(struct record *record);

/* A handshake message without its header, of the type that GnuTLS's hook names. */
void record_message(struct record *record, enum record_side from, unsigned type, const uint8_t *body,
                    size_t len, uint64_t now_us);
/* What the hook is not called for. `visible`: the frame around the alert says that it is one; in TLS 1.3 only
 * plain alerts show that. */
void record_change_cipher_spec(struct record *record, enum record_side from, uint64_t now_us);
void record_alert(struct record *record, enum record_side from, int level, int description, bool visible,
                  uint64_t now_us);

/* The handshake is over, well or badly: its duration stands, and no ChangeCipherSpec belongs to it. Key
 * updates and alerts may still be added while nobody else has a reference. */
void record_end(struct record *record);
/* Gives details up, the largest first, until at most `most` bytes of them are left. */
void record_trim(struct record *record, size_t most);

/* The memory that it takes, about; 0 for NULL. */
size_t record_bytes(const struct record *record);

/* Reading. */

/* What the client offered first; NULL when nothing intelligible came. Lives as long as the record. */
const struct hello_pack *record_hello(const struct record *record);

struct record_item {
    enum record_side from;
    const char *name; /* static: "ClientHello", "ChangeCipherSpec", "Alert" */
    uint32_t bytes;   /* with the header of a handshake message; ChangeCipherSpec 1, Alert 2 */
    uint64_t at_us;   /* since the accept: when the server took it in hand or made it */
    bool encrypted;
    enum detail_kind kind;
    struct wire detail; /* for detail_read or client_hello_unpack; borrowed */
};
size_t record_count(const struct record *record);
void record_get(const struct record *record, size_t i, struct record_item *out);

bool record_truncated(const struct record *record); /* there was more than is kept */
uint64_t record_duration_us(const struct record *record);
uint16_t record_version(const struct record *record); /* 0: it was not agreed */
bool record_resumed(const struct record *record);
bool record_asks(const struct record *record);
bool record_presented(
    const struct record *record); /* the client sent a list of certificates that is not empty */

/* How the other mode differs. Where no certificate came: the messages that mutual TLS would have added, each
 * with the index of the message after which it would have come; where one was asked for, they stand behind
 * the empty Certificate. Where one came: those of the messages that one-way TLS lacks, each with the index of
 * the message before it. A resumed handshake is the same in both modes. Returns their number. */
struct record_other {
    enum record_side from;
    const char *name;
    int after; /* -1: before all */
};
enum { RECORD_MOST_OTHER = 4 };
size_t record_other_mode(const struct record *record, struct record_other out[static RECORD_MOST_OTHER]);

/* The messages as one line: "client ClientHello 238 bytes at 0.412 ms, server ...". */
void record_text(const struct record *record, struct buf *out);

#endif
