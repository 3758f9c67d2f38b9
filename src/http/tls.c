/* tls.c - certificate and key, and writing to an encrypted connection past MHD.
 *
 * MHD runs the sessions itself, on GnuTLS. It would also read certificate and key, but when they
 * are no good it only says that it did not start; so they are tried here first. */
#include "http/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_MAX 1048576

/* TLS 1.0 and 1.1 have been given up (RFC 8996); GnuTLS keeps the ciphers of the rest up to date.
 */
const char tls_priorities[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-VERS-DTLS-ALL:%SERVER_PRECEDENCE";

static bool read_all(int fd, char *to, size_t size, struct err *e)
{
    size_t n = 0;
    while (n < size) {
        ssize_t got = read(fd, to + n, size - n);
        if (got == 0)
            return err_set(e, ERR_IO, 0, "the file has become shorter");
        if (got < 0 && errno != EINTR)
            return err_set(e, ERR_IO, 0, "%s", strerror(errno));
        n += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool read_open_file(int fd, char **out, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_set(e, ERR_IO, 0, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_INPUT, 0, "it is no file");
    if (st.st_size > PEM_MAX)
        return err_set(e, ERR_INPUT, 0, "it is larger than %d bytes", PEM_MAX);
    *out = calloc(1, (size_t)st.st_size + 1);
    if (!*out)
        return err_set(e, ERR_NOMEM, 0, "no memory");
    return read_all(fd, *out, (size_t)st.st_size, e);
}

static bool read_file(const char *path, const char *what, char **out, struct err *e)
{
    if (!path || !*path)
        return err_set(e, ERR_INPUT, 0, "TLS: a listener wants it, but no %s file is given", what);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0
                  ? read_open_file(fd, out, e)
                  : err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, 0, "%s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok || err_prefix(e, "TLS: cannot read the %s file %s: ", what, path);
}

static bool try_pair(const struct tls_files *f, struct err *e)
{
    gnutls_certificate_credentials_t credentials;
    gnutls_datum_t cert = { (unsigned char *)f->cert, (unsigned)strlen(f->cert) };
    gnutls_datum_t key = { (unsigned char *)f->key, (unsigned)strlen(f->key) };
    int rc = dl_gnutls_certificate_allocate_credentials(&credentials);
    if (rc != GNUTLS_E_SUCCESS)
        return err_set(e, ERR_NOMEM, 0, "TLS: %s", dl_gnutls_strerror(rc));
    rc = dl_gnutls_certificate_set_x509_key_mem(credentials, &cert, &key, GNUTLS_X509_FMT_PEM);
    dl_gnutls_certificate_free_credentials(credentials);
    if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        return err_set(e, ERR_INPUT, 0, "TLS: the key does not belong to the certificate");
    return rc >= 0 || err_set(e, ERR_INPUT, 0, "TLS: certificate or key cannot be used: %s",
                              dl_gnutls_strerror(rc));
}

bool tls_load(struct tls_files *out, const char *cert_path, const char *key_path, struct err *e)
{
    return read_file(cert_path, "certificate", &out->cert, e) &&
           read_file(key_path, "key", &out->key, e) && try_pair(out, e);
}

void tls_unload(struct tls_files *f)
{
    if (f->key)
        explicit_bzero(f->key, strlen(f->key));
    free(f->key);
    free(f->cert);
    *f = (struct tls_files){ 0 };
}

void tls_send_last(void *session, struct str s)
{
    while (s.len > 0) {
        ssize_t n = dl_gnutls_record_send(session, s.ptr, s.len);
        if (n <= 0)
            return;
        s = (struct str){ s.ptr + n, s.len - (size_t)n };
    }
    (void)dl_gnutls_bye(session, GNUTLS_SHUT_WR);
}
