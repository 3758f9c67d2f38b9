/* library.h - libmicrohttpd and GnuTLS, loaded when a server starts (see base/dynlib.h). Inside
 * src/http only, by whoever calls them: dl_MHD_queue_response is MHD_queue_response.
 *
 * Threads: http_library_load before any other thread of the server. */
#ifndef CRUMPLE_HTTP_LIBRARY_H
#define CRUMPLE_HTTP_LIBRARY_H

#include "base/err.h"

#include <gnutls/gnutls.h>
#include <microhttpd.h>

#define HTTP_MHD_FUNCTIONS(X)                                                                      \
    X(MHD_add_connection)                                                                          \
    X(MHD_add_response_header)                                                                     \
    X(MHD_create_response_from_buffer)                                                             \
    X(MHD_create_response_from_buffer_with_free_callback)                                          \
    X(MHD_create_response_from_fd64)                                                               \
    X(MHD_destroy_response)                                                                        \
    X(MHD_get_connection_info)                                                                     \
    X(MHD_get_connection_values_n)                                                                 \
    X(MHD_get_reason_phrase_for)                                                                   \
    X(MHD_lookup_connection_value_n)                                                               \
    X(MHD_queue_response)                                                                          \
    X(MHD_resume_connection)                                                                       \
    X(MHD_start_daemon)                                                                            \
    X(MHD_stop_daemon)                                                                             \
    X(MHD_suspend_connection)
#define HTTP_GNUTLS_FUNCTIONS(X)                                                                   \
    X(gnutls_bye)                                                                                  \
    X(gnutls_certificate_allocate_credentials)                                                     \
    X(gnutls_certificate_free_credentials)                                                         \
    X(gnutls_certificate_set_x509_key_mem)                                                         \
    X(gnutls_record_send)                                                                          \
    X(gnutls_strerror)

#define HTTP_DECLARE(f) extern __typeof__(f) *dl_##f;
HTTP_MHD_FUNCTIONS(HTTP_DECLARE)
HTTP_GNUTLS_FUNCTIONS(HTTP_DECLARE)

/* Once; after that nothing changes the pointers (but a test that stands in for a function).
 * ERR_NOT_FOUND: not installed. */
MUST_CHECK bool http_library_load(struct err *e);

#endif
