/* Wildcard patterns over bytes that a peer chose. `*` stays between two borders (the dots of a host name, the
 * slashes of a URI), `**` crosses them. Matching is a set-of-states walk: linear in the value whatever the
 * pattern, no backtracking, no allocation. Private to policy. */
#ifndef MTLSD_POLICY_GLOB_H
#define MTLSD_POLICY_GLOB_H

#include "base/err.h"

enum { GLOB_MOST = 512 }; /* bytes and wildcards of one pattern */

/* How a rule is read. Where the value is doubtful, each reading falls to the side of refusal: an allow rule
 * is read narrowly, a deny rule widely. */
enum reading { READ_NARROW, READ_WIDE };

/* The borders and the case of a text. Its first `head` bytes may follow other ones than the rest (authority
 * and path of a URI). A set of borders is a string of ASCII characters. */
struct glob_zones {
    size_t head;
    const char *head_borders, *tail_borders;
    bool head_nocase, tail_nocase; /* ASCII only */
    bool squeeze;                  /* outer spaces do not count, runs of inner ones count as one */
};

struct glob {
    uint16_t *op; /* a byte, or one of enum glob_op */
    uint16_t n;
    uint16_t n_plain; /* so many bytes before the first wildcard */
};

/* A pattern under construction. */
struct glob_draft {
    uint16_t op[GLOB_MOST];
    uint16_t n;
    bool full;
};

static inline void glob_draft_init(struct glob_draft *draft)
{
    draft->n = 0;
    draft->full = false;
}
void glob_draft_byte(struct glob_draft *draft, unsigned char c);
void glob_draft_star(struct glob_draft *draft, bool deep);
/* Any byte of the draft, `*` for a wildcard: to look for zones. */
char glob_draft_char(const struct glob_draft *draft, size_t i);

/* Reads `len` bytes of a pattern of visible ASCII: `*`, `**`, `\` before a byte that is meant literally.
 * ERR_SYNTAX with the remedy. */
MUST_CHECK int glob_draft_text(struct glob_draft *draft, const char *pattern, size_t len, struct err *err);

/* Makes the pattern (glob_done). `zones` are those of the draft's text. A wildcard alone between two borders
 * stands for at least one byte. 0, ERR_SYNTAX when the draft overflowed, ERR_NOMEM. */
MUST_CHECK int glob_init(struct glob *glob, const struct glob_draft *draft, const struct glob_zones *zones,
                         struct err *err);
void glob_done(struct glob *glob);

/* True for `*` and `**` by themselves. */
bool glob_is_any(const struct glob *glob);

/* Whether the pattern covers the whole of `value`. Read narrowly, a value with a NUL never matches. Read
 * widely, a NUL is a byte like others to wildcards, and a wildcard alone may stand for nothing. */
bool glob_match(const struct glob *glob, const struct glob_zones *zones, const unsigned char *value,
                size_t len, enum reading reading);

#endif
