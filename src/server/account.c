#include "server/account.h"

#include <string.h>

#include "base/clock.h"
#include "http/host.h"
#include "report/access.h"
#include "report/metrics.h"

/* nginx's number for a client that left before it had its answer: readers of access logs know it, and take
 * no 0. */
enum { CLIENT_LEFT = 499 };

static struct access_record record_of(const struct account_client *client)
{
    const struct peer *peer = client->peer;
    const struct certinfo *leaf = peer && peer->n_chain > 0 ? peer->chain[0] : NULL;
    return (struct access_record){
        .at = clock_now(),
        .remote = client->remote,
        .listener = client->listener,
        .tls_version = client->facts->version,
        .cipher_suite = client->facts->cipher_suite,
        .resumed = client->facts->resumed,
        .client_verify = verify_word(peer ? peer->verify : VERIFY_NONE),
        .client_subject = leaf ? leaf->subject.text : NULL,
        .client_serial = leaf ? leaf->serial : NULL,
        .client_fingerprint_sha256 = leaf ? leaf->fingerprint_sha256 : NULL,
        .run = client->run,
        .connection_id = client->connection_id,
    };
}

/* As the metric counts them: of http1_head_protocol's. */
static size_t number_of(const char *protocol)
{
    return protocol[5] == '2' ? 2 : protocol[7] == '1';
}

void account_answered(const struct account_client *client, const struct account_request *request)
{
    unsigned status = request->status ? request->status : CLIENT_LEFT;
    const struct route *route = request->route;
    const size_t none = ROUTE_COUNT + (request->upstream->name ? ROUTELESS_BACKEND : ROUTELESS);
    metrics_add(METRIC_requests, route ? (size_t)(route - ROUTES) : none, status / 100, 1);
    const char *protocol = http1_head_protocol(request->head);
    metrics_add(METRIC_requests_by_protocol, number_of(protocol), 0, 1);
    metrics_observe(METRIC_request_seconds, 0, request->took_us);
    metrics_add(METRIC_response_bytes, 0, 0, request->reply_bytes);
    if (!access_enabled())
        return;
    struct access_record record = record_of(client);
    char host[HTTP1_AUTHORITY];
    record.host = http1_authority(request->head, client->facts->server_name, host);
    record.method = request->head->method;
    record.target = request->head->target;
    record.protocol = protocol;
    record.status = status;
    record.bytes = request->reply_bytes;
    record.duration_us = request->took_us;
    record.referer = http1_head_value(request->head, "Referer");
    record.user_agent = http1_head_value(request->head, "User-Agent");
    record.request_number = request->number;
    record.upstream = *request->upstream;
    record.refused_code = request->refused_code;
    record.refused_by = request->refused_by;
    access_write(&record);
}

void account_tcp_ended(const struct account_client *client, const struct account_tcp *what)
{
    metrics_add(METRIC_tcp_connections, what->end - 1, 0, 1);
    metrics_add(METRIC_tcp_bytes, 0, 0, what->received);
    metrics_add(METRIC_tcp_bytes, 1, 0, what->sent);
    if (!access_enabled())
        return;
    struct access_record record = record_of(client);
    record.method = "TCP";
    record.target = what->upstream->name ? what->upstream->name : "-";
    record.host = client->facts->server_name[0] ? client->facts->server_name : NULL;
    record.protocol = client->facts->alpn[0] ? client->facts->alpn : NULL;
    record.status = what->status ? what->status : CLIENT_LEFT;
    record.bytes = what->sent;
    record.received_bytes = what->received;
    record.duration_us = what->took_us;
    record.request_number = 1;
    record.upstream = *what->upstream;
    record.end = what->end;
    access_write(&record);
}

void account_refused(const struct account_client *client, unsigned status, uint64_t bytes)
{
    metrics_add(METRIC_requests, ROUTE_COUNT + ROUTELESS, status / 100, 1);
    metrics_add(METRIC_response_bytes, 0, 0, bytes);
    if (!access_enabled())
        return;
    struct access_record record = record_of(client);
    record.status = status;
    record.bytes = bytes;
    access_write(&record);
}
