#include "http/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/accept.h"
#include "http/problem_page.h"
#include "http/security.h"
#include "http/status.h"
#include "http/view.h"
#include "http/view_impl.h"
#include "http/words.h"

/* What is said where nobody knows more. */
static const struct {
    unsigned status;
    const char *text;
} DETAILS[] = {
    {400, "The request cannot be understood."},
    {403, "Access is denied."},
    {404, "There is nothing at this address."},
    {405, "The address does not take this method; the Allow field lists those that it takes."},
    {406, "There is no form of this that the client accepts."},
    {408, "The request took too long to arrive."},
    {411, "The request needs a Content-Length."},
    {412, "A condition of the request does not hold."},
    {413, "The body of the request is larger than the server takes."},
    {414, "The address is longer than the server takes."},
    {416, "The file has no such part."},
    {417, "The server does not do what the Expect field asks for."},
    {429, "There were too many requests; try again later."},
    {431, "The header of the request is larger than the server takes."},
    {500, "Something failed in the server; its log says what."},
    {501, "The server does not know how to do this."},
    {503, "The server cannot answer now; try again later."},
    {505, "The server speaks HTTP/1.1."},
};

static const char *detail_for(unsigned status)
{
    for (size_t i = 0; i < ARRAY_LEN(DETAILS); i++) {
        if (DETAILS[i].status == status)
            return DETAILS[i].text;
    }
    return status < 500 ? "The request cannot be answered." : "The server could not answer.";
}

static enum error_detail detail_of(const struct request *request)
{
    return request->conf ? request->conf->error_detail : ERROR_DETAIL_NONE;
}

static const char *refusal_words(enum policy_outcome outcome)
{
    switch (outcome) {
    case POLICY_NO_CERTIFICATE:
        return "A client certificate is needed here, and none was presented.";
    case POLICY_NOT_VERIFIED:
        return "A client certificate was presented, but it is not acceptable; see the errors.";
    case POLICY_OTHER_CA:
        return "The client certificate is good, but this location takes only those of other authorities; see "
               "the errors.";
    case POLICY_DENIED:
        return "The client certificate is good, but a rule of this location refuses it.";
    case POLICY_ALLOW:
        break;
    }
    return "Access is denied.";
}

/* Why a browser, or a Java key store, sends none of the certificates that it has. */
#define SILENT                                                                                               \
    "A browser does that without showing its picker, and a Java key store without a word, when it has no "   \
    "certificate with its private key, or this one has expired, is not yet valid, is for another purpose "   \
    "(extendedKeyUsage without clientAuth)"
#define KEPT   "a browser keeps that choice until it is restarted."
#define IMPORT "A client certificate must be imported as PKCS#12 (.p12), with its intermediates."

/* Why the visitor was never asked for a certificate, or was asked and sent none. */
static const char *picker_words(const struct request *request)
{
    if (!request->cert_requested && request->client_auth != CLIENT_AUTH_OFF)
        return "This connection began before a reload made its listener ask for a certificate. It ends now: "
               "connect again, and the server asks.";
    if (!request->cert_requested)
        return "This listener never asks for a certificate, so a browser has no reason to show its picker. "
               "Use an address of the server where client_auth is not off.";
    if (request->tls->resumed)
        return "This connection continues an earlier TLS session in which no certificate was sent. A "
               "browser keeps that choice until it is restarted; a new private window asks again.";
    if (request->n_advertised == 0)
        return "The server asked for a certificate in the handshake, from any authority, and the client "
               "answered with an empty list. " SILENT " or its kind of key was not asked for; and when the "
               "picker was cancelled before: " KEPT " " IMPORT;
    return "The server asked for a certificate in the handshake and named the authorities below; the client "
           "answered with an empty list. " SILENT ", its kind of key was not asked for, it comes from an "
           "issuer that is not below, or its chain up to one of these is missing; and when the picker was "
           "cancelled before: " KEPT " " IMPORT;
}

/* "a | b | c" */
static char *join_rules(const struct conf_list *rules)
{
    struct buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < rules->n; i++) {
        if (i > 0)
            buf_puts(&text, " | ");
        buf_puts(&text, rules->item[i].text);
    }
    return buf_take(&text, NULL);
}

/* "CN=A | CN=B"; NULL for no set. */
static char *join_names(const struct anchor_set *set)
{
    struct buf text;
    if (!set)
        return NULL;
    buf_init(&text, 0);
    for (size_t i = 0; i < set->n; i++)
        buf_printf(&text, "%s%s", i > 0 ? " | " : "", set->id[i]->subject);
    return buf_take(&text, NULL);
}

static json_t *other_ca_finding(const struct request *request, enum error_detail detail)
{
    const struct peer *peer = request->peer;
    char reason[] =
        "its path ends at a CA, or certificate, that is trusted here, but not in client_ca of the "
        "location",
         hint[] = "present a certificate that one of the expected authorities issued";
    char *names = join_names(request->decision->client_ca);
    struct verdict_finding finding = {.code = VERDICT_POLICY_DENIED,
                                      .depth = 0,
                                      .reason = reason,
                                      .hint = hint,
                                      .value = peer && peer->anchor ? peer->anchor->subject : NULL,
                                      .expected = names};
    json_t *array = view_findings(&finding, 1, detail);
    free(names);
    return array;
}

/* What a certificate is called where people read it: its subject, or the first of its alternative names. */
static char *called(const struct certinfo *leaf)
{
    const struct certvalues *const kinds[] = {&leaf->dns_names, &leaf->emails, &leaf->ips, &leaf->uris};
    if (*leaf->subject.text)
        return leaf->subject.text;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i]->n > 0)
            return kinds[i]->v[0].text;
    }
    return leaf->subject.text;
}

/* What the operator may have meant: without ",*" a rule names all of a name. */
static void put_rest(const struct policy_decision *decision, char *hint, size_t room)
{
    const char *rule = decision->nearly;
    const bool issuer = strcmp(decision->nearly_of, "issuer") == 0;
    if (strstr(rule, " & ") || strlen(rule) > room / 2)
        snprintf(
            hint, room, "%s",
            issuer
                ? "the issuer has more than the rule names; the rule would match with ,* behind what it names"
                : "the subject has more than the rule names; the rule would match with ,* behind what it "
                  "names");
    else if (issuer)
        snprintf(
            hint, room,
            "the issuer has more than the rule names; whatever the rest is, the rule would match as %s,*",
            rule);
    else
        snprintf(
            hint, room,
            "the subject has more than the rule names; whatever the rest is, the rule would match as %s,*",
            rule);
}

/* The one finding of a refusal that the verdict knows nothing of. */
static json_t *policy_finding(const struct request *request, enum error_detail detail)
{
    const struct policy_decision *decision = request->decision;
    const struct peer *peer = request->peer;
    char denied[] = "a deny rule of the location matches",
         not_allowed[] = "no allow rule of the location matches";
    struct verdict_finding finding = {.code = VERDICT_POLICY_DENIED, .depth = 0};
    char *rules = NULL, hint[512];

    if (decision->rival) {
        snprintf(hint, sizeof hint,
                 "the name has a second %s, which the rule would have to name as well: %s=...,%s=...,*",
                 decision->rival, decision->rival, decision->rival);
        finding.hint = hint;
    } else if (decision->nearly) {
        put_rest(decision, hint, sizeof hint);
        finding.hint = hint;
    }
    finding.reason = decision->rule ? denied : not_allowed;
    finding.value = peer && peer->n_chain > 0 ? called(peer->chain[0]) : NULL;
    if (!decision->rule && decision->location)
        finding.expected = rules = join_rules(&decision->location->allow);
    json_t *array = view_findings(&finding, 1, detail);
    free(rules);
    return array;
}

/* No certificate came: in the words of the verdict, where there is one, and with those whom the location
 * wants. */
static json_t *missing_finding(const struct request *request, enum error_detail detail)
{
    const struct peer *peer = request->peer;
    char reason[] = "no certificate was presented";
    char *names = join_names(request->decision->client_ca);
    struct verdict_finding finding = {.code = VERDICT_NO_CERTIFICATE, .depth = -1, .reason = reason};
    if (peer && peer->n_errors > 0)
        finding = peer->errors[0];
    if (names)
        finding.expected = names;
    json_t *array = view_findings(&finding, 1, detail);
    free(names);
    return array;
}

static json_t *errors(const struct request *request, enum error_detail detail)
{
    enum policy_outcome outcome = request->decision->outcome;
    const struct peer *peer = request->peer;
    if (outcome == POLICY_DENIED)
        return policy_finding(request, detail);
    if (outcome == POLICY_OTHER_CA)
        return other_ca_finding(request, detail);
    if (outcome == POLICY_NO_CERTIFICATE)
        return missing_finding(request, detail);
    return view_findings(peer ? peer->errors : NULL, peer ? peer->n_errors : 0, detail);
}

/* Adds what a refused client may know. */
static bool put_refusal(json_t *object, const struct request *request)
{
    enum error_detail detail = detail_of(request);
    const struct policy_decision *decision = request->decision;
    const struct peer *peer = request->peer;
    if (detail == ERROR_DETAIL_NONE)
        return true;
    bool good = view_put(object, "errors", errors(request, detail));
    if (detail == ERROR_DETAIL_CODE)
        return good;
    const char *hint = decision->outcome == POLICY_NO_CERTIFICATE ? picker_words(request) : NULL;
    return good &&
           view_put(object, "warnings",
                    view_findings(peer ? peer->warnings : NULL, peer ? peer->n_warnings : 0, detail)) &&
           view_put(object, "location", view_text(decision->location ? decision->location->prefix : NULL)) &&
           view_put(object, "rule", view_text(decision->rule)) &&
           view_put(object, "requested", json_boolean(request->cert_requested)) &&
           view_put(object, "hint", view_text(hint)) &&
           view_put(object, "accepted_issuers", view_names(request->advertised, request->n_advertised));
}

/* The target without its query, which may hold what should not be shown again. */
static json_t *instance(const struct request *request)
{
    const char *target = request->target ? request->target : "";
    return view_bytes(target, strcspn(target, "?"));
}

static json_t *problem(const struct request *request, unsigned status, const char *detail)
{
    bool refusal = status == 403 && request->decision;
    if (!detail && refusal && detail_of(request) != ERROR_DETAIL_NONE)
        detail = refusal_words(request->decision->outcome);
    json_t *object = json_object();
    bool good = view_put(object, "type", view_text("about:blank")) &&
                view_put(object, "title", view_text(status_phrase(status))) &&
                view_put(object, "status", json_integer(status)) &&
                view_put(object, "detail", view_text(detail ? detail : detail_for(status))) &&
                view_put(object, "instance", instance(request)) && (!refusal || put_refusal(object, request));
    return view_finish(object, good);
}

/* There are files, and "/" is not what was asked for. */
static bool start_is_elsewhere(const struct request *request)
{
    return request->document_root >= 0 && request->path && strcmp(request->path, "/") != 0;
}

void problem_reply(const struct request *request, unsigned status, const char *detail, struct reply *reply)
{
    const char *accept = request->header ? request->header(request, "Accept") : NULL;
    bool html = accept_prefers_html(accept);
    struct buf body;
    buf_init(&body, 0);

    const enum language language = words_of(request);
    json_t *object = words_view(language, problem(request, status, detail));
    bool good = object && (html ? problem_page(object, language, start_is_elsewhere(request), &body)
                                : view_write(object, &body)) == 0;
    json_decref(object);
    if (!good)
        buf_done(&body); /* out of memory: the status alone must do */

    if (reply->fd >= 0)
        close(reply->fd);
    reply->fd = -1;
    buf_done(&reply->body);
    reply->body = body;
    reply->status = status;
    reply->content_type = !good ? NULL : html ? "text/html; charset=utf-8" : "application/problem+json";
    if (!security_has_header(reply, "Cache-Control"))
        (void)reply_header(reply, "Cache-Control", "no-store");
    words_headers(language, reply);
    char policy[PROBLEM_PAGE_POLICY];
    if (html && good && !security_has_header(reply, "Content-Security-Policy"))
        (void)reply_header(reply, "Content-Security-Policy", "%s", problem_page_policy(policy));
    security_headers(request->conf, reply);
}
