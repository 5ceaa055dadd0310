#include "policy/glob.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum glob_op {
    OP_STAR = 256, /* any run without a border */
    OP_DEEP,       /* any run */
    OP_ONE,        /* one byte that is no border */
    OP_ONE_DEEP,   /* one byte */
};

static void put(struct glob_draft *draft, uint16_t op)
{
    if (draft->n == GLOB_MOST)
        draft->full = true;
    else
        draft->op[draft->n++] = op;
}

void glob_draft_byte(struct glob_draft *draft, unsigned char c)
{
    put(draft, c);
}

void glob_draft_star(struct glob_draft *draft, bool deep)
{
    put(draft, deep ? OP_DEEP : OP_STAR);
}

char glob_draft_char(const struct glob_draft *draft, size_t i)
{
    return draft->op[i] < OP_STAR ? (char)draft->op[i] : '*';
}

static bool is_border(const struct glob_zones *zones, size_t at, unsigned c)
{
    const char *borders = at < zones->head ? zones->head_borders : zones->tail_borders;
    return c != 0 && c < 128 && strchr(borders, (int)c) != NULL;
}

/* Whether op `i` of the draft touches nothing but borders and ends. */
static bool stands_alone(const struct glob_draft *draft, const struct glob_zones *zones, size_t i)
{
    return (i == 0 || is_border(zones, i - 1, draft->op[i - 1])) &&
           (i + 1u == draft->n || is_border(zones, i + 1, draft->op[i + 1]));
}

/* Drops the spaces that glob_match does not show to the pattern either. */
static void squeeze(struct glob_draft *draft)
{
    uint16_t n = 0;
    for (uint16_t i = 0; i < draft->n; i++) {
        if (draft->op[i] == ' ' && (n == 0 || draft->op[n - 1] == ' '))
            continue;
        draft->op[n++] = draft->op[i];
    }
    if (n > 0 && draft->op[n - 1] == ' ')
        n--;
    draft->n = n;
}

int glob_draft_text(struct glob_draft *draft, const char *pattern, size_t len, struct err *err)
{
    glob_draft_init(draft);
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)pattern[i];
        size_t stars = 0;
        while (i + stars < len && pattern[i + stars] == '*')
            stars++;
        if (stars > 2)
            return err_set(err, ERR_SYNTAX, "'***' is no wildcard; write * or **");
        if (stars > 0) {
            glob_draft_star(draft, stars == 2);
            i += stars;
        } else if (c == '\\') {
            if (i + 1 == len || !strchr("*\\", pattern[i + 1]))
                return err_set(err, ERR_SYNTAX, "a backslash stands before * or another backslash only");
            glob_draft_byte(draft, (unsigned char)pattern[i + 1]);
            i += 2;
        } else if (c <= ' ' || c >= 0x7f) {
            return err_set(
                err, ERR_SYNTAX,
                "a name in a certificate has only visible ASCII characters; write an international domain "
                "as xn--..., other characters of a URI as %%XX");
        } else {
            glob_draft_byte(draft, c);
            i++;
        }
    }
    return 0;
}

int glob_init(struct glob *glob, const struct glob_draft *draft, const struct glob_zones *zones,
              struct err *err)
{
    if (draft->full)
        return err_set(err, ERR_SYNTAX, "the pattern is longer than %d characters", GLOB_MOST);
    struct glob_draft copy = *draft;
    if (zones->squeeze)
        squeeze(&copy);

    struct glob made = {0};
    made.op = calloc(2u * copy.n + 1, sizeof *made.op);
    if (!made.op)
        return err_nomem(err);
    bool plain = true;
    for (size_t i = 0; i < copy.n; i++) {
        uint16_t op = copy.op[i];
        if (op >= OP_STAR && stands_alone(&copy, zones, i))
            made.op[made.n++] = op == OP_STAR ? OP_ONE : OP_ONE_DEEP;
        made.op[made.n++] = op;
        plain = plain && op < OP_STAR;
        if (plain)
            made.n_plain = made.n;
    }
    *glob = made;
    return 0;
}

void glob_done(struct glob *glob)
{
    if (!glob)
        return;
    free(glob->op);
    memset(glob, 0, sizeof *glob);
}

bool glob_is_any(const struct glob *glob)
{
    return glob->n == 2 && glob->op[0] >= OP_ONE;
}

static bool same(const struct glob_zones *zones, size_t at, unsigned a, unsigned b)
{
    bool nocase = at < zones->head ? zones->head_nocase : zones->tail_nocase;
    return a == b || (nocase && text_lower(a) == text_lower(b));
}

/* The states that are alive, ascending. Each step visits them in that order and moves a state by 0 or 1 (or
 * further over ops that may be empty, adding all on the way), so whatever is not above the last one is there
 * already. */
struct states {
    uint16_t at[2 * GLOB_MOST + 1];
    size_t n;
};

static bool may_be_empty(uint16_t op, enum reading reading)
{
    return op == OP_STAR || op == OP_DEEP || (op > OP_DEEP && reading == READ_WIDE);
}

static void enter(struct states *states, const struct glob *glob, uint16_t state, enum reading reading)
{
    for (;; state++) {
        if (states->n == 0 || state > states->at[states->n - 1])
            states->at[states->n++] = state;
        if (state == glob->n || !may_be_empty(glob->op[state], reading))
            return;
    }
}

/* The next byte that counts, from *at on; the caller knows that there is one. */
static unsigned next(const struct glob_zones *zones, const unsigned char *value, size_t end, size_t *at)
{
    if (zones->squeeze) {
        while (value[*at] == ' ' && *at + 1 < end && value[*at + 1] == ' ')
            ++*at;
    }
    return value[(*at)++];
}

static void step(const struct glob *glob, const struct glob_zones *zones, size_t at, unsigned c,
                 enum reading reading, const struct states *from, struct states *to)
{
    to->n = 0;
    for (size_t i = 0; i < from->n; i++) {
        uint16_t state = from->at[i];
        if (state == glob->n)
            continue;
        uint16_t op = glob->op[state];
        if (op == OP_DEEP || (op == OP_STAR && !is_border(zones, at, c)))
            enter(to, glob, state, reading);
        else if (op == OP_ONE_DEEP || (op == OP_ONE && !is_border(zones, at, c)) ||
                 (op < OP_STAR && same(zones, at, op, c)))
            enter(to, glob, (uint16_t)(state + 1), reading);
    }
}

bool glob_match(const struct glob *glob, const struct glob_zones *zones, const unsigned char *value,
                size_t len, enum reading reading)
{
    size_t at = 0, end = len;
    if (zones->squeeze) {
        while (at < end && value[at] == ' ')
            at++;
        while (end > at && value[end - 1] == ' ')
            end--;
    }
    for (uint16_t i = 0; i < glob->n_plain; i++) {
        if (at == end)
            return false;
        unsigned c = next(zones, value, end, &at);
        if (!same(zones, at - 1, glob->op[i], c))
            return false;
    }
    if (glob->n_plain == glob->n)
        return at == end;

    struct states one, two, *now = &one, *then = &two;
    now->n = 0;
    enter(now, glob, glob->n_plain, reading);
    while (at < end && now->n > 0) {
        unsigned c = next(zones, value, end, &at);
        if (c == 0 && reading == READ_NARROW)
            return false;
        step(glob, zones, at - 1, c, reading, now, then);
        struct states *swap = now;
        now = then;
        then = swap;
    }
    return now->n > 0 && now->at[now->n - 1] == glob->n;
}
