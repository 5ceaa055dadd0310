/* Between MHD and the pure HTTP layer: a request that MHD parsed becomes a struct request, a struct reply
 * becomes an MHD response. On the thread of the worker. */
#ifndef MTLSD_SERVER_EXCHANGE_H
#define MTLSD_SERVER_EXCHANGE_H

#include <microhttpd.h>

/* MHD_OPTION_URI_LOG_CALLBACK: a request begins. */
void *exchange_target(void *cls, const char *uri, struct MHD_Connection *connection);
/* MHD_AccessHandlerCallback */
enum MHD_Result exchange_handle(void *cls, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_size, void **request_cls);
/* MHD_OPTION_NOTIFY_COMPLETED */
void exchange_completed(void *cls, struct MHD_Connection *connection, void **request_cls,
                        enum MHD_RequestTerminationCode why);

#endif
