#include <stdio.h>

#include "base/clock.h"
#include "http/view.h"
#include "http/view_impl.h"

/* From when on the end of a CRL is a warning. */
enum { CRL_SOON = 24 * 60 * 60 };

enum level { LEVEL_PASS, LEVEL_WARN, LEVEL_FAIL };

static const char *const LEVEL_WORDS[] = {
    [LEVEL_PASS] = "pass", [LEVEL_WARN] = "warn", [LEVEL_FAIL] = "fail"};

/* One entry of `checks`; the worst of all goes into *worst. `id`, `unit` and `output` may be NULL. Takes over
 * `value`. */
static json_t *check(const struct health *health, const char *id, json_t *value, const char *unit,
                     enum level level, const char *output, enum level *worst)
{
    if (level > *worst)
        *worst = level;
    json_t *object = json_object();
    bool good = (!id || view_put(object, "componentId", view_text(id))) &&
                view_put(object, "componentType", json_string_nocheck(id ? "component" : "system"));
    /* The value first and unconditionally: view_put takes it over even when the rest failed. */
    good = view_put(object, "observedValue", value) && good;
    good = good && (!unit || view_put(object, "observedUnit", json_string_nocheck(unit))) &&
           view_put(object, "status", json_string_nocheck(LEVEL_WORDS[level])) &&
           view_put(object, "time", view_time(health->now)) &&
           (!output || view_put(object, "output", view_text(output)));
    return view_finish(object, good);
}

static json_t *alone(json_t *entry)
{
    json_t *array = json_array();
    return view_finish(array, view_append(array, entry));
}

/* An own certificate that is over is a failure: every client refuses it. */
static json_t *certificate(const struct health *health, const struct health_listener *listener,
                           enum level *worst)
{
    long long left = (long long)listener->certificate_not_after - (long long)health->now;
    enum level level = left < 0                                        ? LEVEL_FAIL
                       : health->now > listener->certificate_soon_from ? LEVEL_WARN
                                                                       : LEVEL_PASS;
    char span[CLOCK_TEXT], output[96];
    if (left < 0)
        snprintf(output, sizeof output, "the server certificate expired %s ago", clock_span(left, span));
    else
        snprintf(output, sizeof output, "the server certificate expires in %s", clock_span(left, span));
    return check(health, listener->name, json_integer(left), "s", level, level == LEVEL_PASS ? NULL : output,
                 worst);
}

/* A CRL that is over is a failure only once clients are refused for it. */
static json_t *crl(const struct health *health, const struct health_listener *listener, enum level *worst)
{
    long long left = (long long)listener->crl_next_update - (long long)health->now;
    bool refuses = left < 0 && listener->crl_refuses_from != 0 && health->now >= listener->crl_refuses_from;
    enum level level = refuses ? LEVEL_FAIL : left < CRL_SOON ? LEVEL_WARN : LEVEL_PASS;
    char span[CLOCK_TEXT], output[128];
    if (left < 0)
        snprintf(output, sizeof output, "the CRL should have been replaced %s ago%s", clock_span(left, span),
                 refuses ? "; client certificates are refused for it" : "");
    else
        snprintf(output, sizeof output, "the CRL must be replaced within %s", clock_span(left, span));
    return check(health, listener->name, json_integer(left), "s", level, level == LEVEL_PASS ? NULL : output,
                 worst);
}

static json_t *certificates(const struct health *health, enum level *worst)
{
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && i < health->n_listeners; i++) {
        if (health->listener[i].certificate_not_after != 0)
            good = view_append(array, certificate(health, &health->listener[i], worst));
    }
    return view_finish(array, good);
}

static json_t *crls(const struct health *health, enum level *worst)
{
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && i < health->n_listeners; i++) {
        if (health->listener[i].crl_next_update != 0)
            good = view_append(array, crl(health, &health->listener[i], worst));
    }
    return view_finish(array, good);
}

/* Most of what is said of the CAs and CRLs of a listener; the log has all. */
enum { NOTES_MOST = 16 };

static const char *const NOTE_CHECKS[] = {
    [TRUST_NOTE_ODD] = "ca:odd",
    [TRUST_NOTE_REFUSED] = "ca:refused",
    [TRUST_NOTE_CRL] = "crl:coverage",
    [TRUST_NOTE_OVER] = "ca:validity",
};

/* What is odd about a CA keeps nobody out. */
static bool put_note(json_t *array, const struct health *health, const struct health_listener *listener,
                     const struct trust_note *note, enum level *worst)
{
    return view_append(array,
                       check(health, listener->name, json_boolean(true), NULL,
                             note->kind == TRUST_NOTE_ODD ? LEVEL_PASS : LEVEL_WARN, note->text, worst));
}

/* What `mtlsd check` says of the CAs and CRLs, of one kind; there when there is something to say. */
static bool put_notes(json_t *checks, const struct health *health, enum trust_note_kind kind,
                      enum level *worst)
{
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && i < health->n_listeners; i++) {
        const struct health_listener *listener = &health->listener[i];
        size_t shown = 0;
        for (size_t k = 0; good && k < listener->n_notes && shown < NOTES_MOST; k++) {
            const struct trust_note *note = &listener->note[k];
            if (note->kind != kind || health->now < note->from || health->now >= note->until)
                continue;
            good = put_note(array, health, listener, note, worst);
            shown++;
        }
    }
    array = view_finish(array, good);
    if (array && json_array_size(array) == 0) {
        json_decref(array);
        return true;
    }
    return view_put(checks, NOTE_CHECKS[kind], array);
}

static bool put_all_notes(json_t *checks, const struct health *health, enum level *worst)
{
    bool good = true;
    for (size_t kind = 0; good && kind < ARRAY_LEN(NOTE_CHECKS); kind++)
        good = put_notes(checks, health, (enum trust_note_kind)kind, worst);
    return good;
}

/* A warning even where none is left: the server itself is well, and who asks may have other locations. */
static json_t *backends(const struct health *health, enum level *worst)
{
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && i < health->n_backends; i++) {
        struct health_backend backend;
        char output[80];
        health->backend(health->backend_cls, i, &backend);
        bool all = backend.up == backend.n;
        snprintf(output, sizeof output, "%u of %u servers get requests", backend.up, backend.n);
        good = view_append(array, check(health, backend.name, json_integer(backend.up), "servers",
                                        all ? LEVEL_PASS : LEVEL_WARN, all ? NULL : output, worst));
    }
    return view_finish(array, good);
}

json_t *view_health(const struct health *health, const char **status)
{
    enum level worst = LEVEL_PASS;
    json_t *checks = json_object();
    bool good =
        view_put(checks, "certificate:expiry", certificates(health, &worst)) &&
        view_put(checks, "crl:expiry", crls(health, &worst)) && put_all_notes(checks, health, &worst) &&
        (health->n_backends == 0 || view_put(checks, "backend:servers", backends(health, &worst))) &&
        view_put(checks, "configuration:generation",
                 alone(check(health, NULL, json_integer((json_int_t)health->generation), NULL, LEVEL_PASS,
                             NULL, &worst))) &&
        view_put(checks, "configuration:refused_reloads",
                 alone(check(health, NULL, json_integer((json_int_t)health->refused_reloads), NULL,
                             health->reload_failed ? LEVEL_WARN : LEVEL_PASS,
                             health->reload_failed ? "the last reload was refused; the log says why" : NULL,
                             &worst))) &&
        view_put(checks, "draining",
                 alone(check(health, NULL, json_boolean(health->draining), NULL,
                             health->draining ? LEVEL_FAIL : LEVEL_PASS,
                             health->draining ? "the server is shutting down" : NULL, &worst))) &&
        view_put(checks, "uptime",
                 alone(check(health, NULL, json_integer((json_int_t)health->uptime), "s", LEVEL_PASS, NULL,
                             &worst)));
    checks = view_finish(checks, good);

    json_t *object = json_object();
    good = view_put(object, "status", json_string_nocheck(LEVEL_WORDS[worst]));
    good = view_put(object, "checks", checks) && good;
    if (status)
        *status = LEVEL_WORDS[worst];
    return view_finish(object, good);
}
