/* The trusted CAs before the judge: what it would say of each path that ends there is known as soon as they
 * are loaded. */
#include <stdlib.h>

#include "base/buf.h"
#include "pki/verdict_impl.h"

/* Takes over the text. */
static int add(struct trust *trust, struct src src, bool refuses, struct buf *text)
{
    struct trust_note *larger = realloc(trust->note, (trust->n_notes + 1) * sizeof(*larger));
    if (larger != NULL)
        trust->note = larger;
    char *taken = buf_take(text, NULL);
    if (larger == NULL || taken == NULL) {
        free(taken);
        return ERR_NOMEM;
    }
    trust->note[trust->n_notes++] = (struct trust_note){src, refuses, taken};
    return 0;
}

/* Time is told with the files: a CA that is over may stand beside the one that follows it. */
static bool is_time(const struct verdict_finding *f)
{
    return f->code == VERDICT_EXPIRED || f->code == VERDICT_NOT_YET_VALID || f->code == VERDICT_EXPIRES_SOON;
}

static int note_finding(struct trust *trust, const struct anchor *anchor, const struct verdict_finding *f,
                        bool refuses)
{
    const char *who = anchor->name.text[0] != 0 ? anchor->name.text : "the CA without a name";
    struct buf text;
    if (is_time(f))
        return 0;
    buf_init(&text, 0);
    buf_printf(&text,
               cert_issues(&anchor->cert) ? "every certificate that %s issued will be %s: %s (%s)"
                                          : "%s, which is trusted for itself alone, will be %s: %s (%s)",
               who, refuses ? "refused" : "accepted with a warning", f->reason, VERDICT_ROWS[f->code].code);
    /* The hints of a verdict are for clients. */
    buf_puts(&text, refuses ? "; leave it out, or have its certificate made anew" : "");
    return add(trust, anchor->src, refuses, &text);
}

static int note_anchor(struct trust *trust, const struct anchor *anchor, time_t now)
{
    struct findings found = {0};
    int rc = anchor->unreadable != NULL ? 0 : judge_anchor(trust, anchor, now, &found);
    for (size_t i = 0; rc == 0 && i < found.n_errors; i++)
        rc = note_finding(trust, anchor, &found.error[i], true);
    for (size_t i = 0; rc == 0 && i < found.n_warnings; i++)
        rc = note_finding(trust, anchor, &found.warning[i], false);
    findings_done(&found);
    return rc;
}

int trust_take_notes(struct trust *trust, time_t now)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < trust->n_anchors; i++)
        rc = note_anchor(trust, &trust->anchor[i], now);
    return rc;
}

void trust_forget_notes(struct trust *trust)
{
    for (size_t i = 0; i < trust->n_notes; i++)
        free(trust->note[i].text);
    free(trust->note);
    trust->note = NULL;
    trust->n_notes = 0;
}

const struct trust_note *trust_notes(const struct trust *trust, size_t *n)
{
    *n = trust->n_notes;
    return trust->note;
}

void trust_lint(const struct trust *trust, struct diag *diag)
{
    for (size_t i = 0; i < trust->n_notes; i++) {
        const struct trust_note *note = &trust->note[i];
        if (note->refuses)
            diag_error(diag, note->src, "%s", note->text);
        else
            diag_warning(diag, note->src, "%s", note->text);
    }
}
