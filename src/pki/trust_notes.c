/* The trusted CAs before the judge: what it would say of each path that ends there is known as soon as they
 * are loaded. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "pki/verdict_impl.h"

/* Takes over the text. */
static int add(struct trust *trust, struct src src, enum trust_note_kind kind, time_t from, time_t until,
               struct buf *text)
{
    struct trust_note *larger = realloc(trust->note, (trust->n_notes + 1) * sizeof(*larger));
    if (larger != NULL)
        trust->note = larger;
    char *taken = buf_take(text, NULL);
    if (larger == NULL || taken == NULL) {
        free(taken);
        return ERR_NOMEM;
    }
    trust->note[trust->n_notes++] = (struct trust_note){src, kind, from, until, taken};
    return 0;
}

void trust_warn_crl(struct trust *trust, struct src src, time_t until, struct diag *diag, const char *fmt,
                    ...)
{
    struct buf kept;
    va_list args;
    char text[1024]; /* as much as a diag takes */
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    diag_warning(diag, src, "%s", text);
    if (trust->crl_check == CRL_CHECK_OFF)
        return;
    buf_init(&kept, 0);
    buf_puts(&kept, text);
    (void)add(trust, src, TRUST_NOTE_CRL, TRUST_NOTE_ALWAYS, until, &kept); /* it was told */
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
    return add(trust, anchor->src, refuses ? TRUST_NOTE_REFUSED : TRUST_NOTE_ODD, TRUST_NOTE_ALWAYS,
               TRUST_NOTE_NEVER, &text);
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

/* A CA that is over and no other of its name is there: in the words of what is told of its file. One that
 * begins later, too. */
static int note_time(struct trust *trust, const struct anchor *anchor)
{
    char date[CLOCK_TEXT];
    size_t first;
    struct buf over, early;
    if (anchor->unreadable != NULL || !cert_issues(&anchor->cert) ||
        trust_find(trust, &anchor->cert.subject, &first) > 1)
        return 0;
    buf_init(&over, 0);
    buf_init(&early, 0);
    buf_printf(&over, "%s expired on %s; nothing that it issued is accepted", anchor->name.text,
               clock_rfc3339(anchor->cert.not_after, date));
    buf_printf(&early, "%s is valid only from %s", anchor->name.text,
               clock_rfc3339(anchor->cert.not_before, date));
    int rc = add(trust, anchor->src, TRUST_NOTE_OVER, anchor->cert.not_after + 1, TRUST_NOTE_NEVER, &over);
    if (rc == 0)
        rc = add(trust, anchor->src, TRUST_NOTE_OVER, TRUST_NOTE_ALWAYS, anchor->cert.not_before, &early);
    else
        buf_done(&early);
    return rc;
}

int trust_take_notes(struct trust *trust, time_t now)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < trust->n_anchors; i++)
        rc = note_anchor(trust, &trust->anchor[i], now);
    for (size_t i = 0; rc == 0 && i < trust->n_anchors; i++)
        rc = note_time(trust, &trust->anchor[i]);
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
        if (note->kind == TRUST_NOTE_REFUSED)
            diag_error(diag, note->src, "%s", note->text);
        else if (note->kind == TRUST_NOTE_ODD)
            diag_warning(diag, note->src, "%s", note->text);
    }
}
