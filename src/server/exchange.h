/* From a request to its answer in HTTP/1.1: to bytes in one piece, or, where they are too long for that or
 * the last, to a response that MHD is given when it asks for it. On the thread of the worker. */
#ifndef MTLSD_SERVER_EXCHANGE_H
#define MTLSD_SERVER_EXCHANGE_H

#include <microhttpd.h>
#include <stdbool.h>

struct conn;
struct kept_bytes;

/* The answer to the connection's request, which is whole, and of which MHD has not heard. Returns its bytes,
 * head and body, borrowed until exchange_forget: the caller sends them (of a HEAD the head alone), tells MHD
 * of nothing, and logs the request. Their Connection field is `connection` (http/plain.h), or says that the
 * answer is the last: *last, also where `connection` says so, has the connection end behind it. NULL: the
 * answer is too long to be in memory, or memory is short, and *last says nothing; MHD is told of the request
 * then, and asks for the answer (exchange_handle). */
struct kept_bytes *exchange_make(struct conn *conn, const char *connection, bool *last);
/* Drops what exchange_make has made, and its hold on those bytes: who still sends them has a reference. */
void exchange_forget(struct conn *conn);

/* MHD_OPTION_URI_LOG_CALLBACK: a request begins. Returns the connection, which the others get as
 * *request_cls; NULL: it has none, for want of memory. */
void *exchange_target(void *cls, const char *uri, struct MHD_Connection *connection);
/* MHD_AccessHandlerCallback: queues the answer that was made, or makes it. MHD_NO ends the connection. */
enum MHD_Result exchange_handle(void *cls, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_size, void **request_cls);
/* MHD_OPTION_NOTIFY_COMPLETED: the answer has gone, or will not; logs the request. */
void exchange_completed(void *cls, struct MHD_Connection *connection, void **request_cls,
                        enum MHD_RequestTerminationCode why);

#endif
