/* http_client.c - see the header. The head of an answer is read as text: first line, and the two
 * headers that matter. */
#include "cli/http_client.h"

#include "cli/args.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

static bool look_up(struct client_target *t, const char *host, const char *port, struct err *e)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed)
        return err_set(e, ERR_NOT_FOUND, 0, "%.100s: %s", host, gai_strerror(failed));
    memcpy(&t->address, found->ai_addr, found->ai_addrlen);
    t->address_len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

bool client_resolve(struct client_target *t, const char *url, struct err *e)
{
    static const char scheme[] = "http://";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0)
        return err_set(e, ERR_INPUT, 0, "\"%.80s\" is not a URL like http://127.0.0.1:8081", url);
    const char *authority = url + sizeof scheme - 1;
    size_t len = strcspn(authority, "/");
    const char *path = authority + len;
    size_t path_len = strlen(path);
    while (path_len > 0 && path[path_len - 1] == '/')
        path_len--;
    if (len == 0 || len >= sizeof t->host || path_len >= sizeof t->path)
        return err_set(e, ERR_INPUT, 0, "\"%.80s\" has no host, or is too long", url);
    snprintf(t->host, sizeof t->host, "%.*s", (int)len, authority);
    snprintf(t->path, sizeof t->path, "%.*s", (int)path_len, path);

    char name[sizeof t->host];
    memcpy(name, t->host, len + 1);
    char *host = name, *port = strrchr(name, ':');
    if (port && !strchr(port, ']'))
        *port++ = '\0';
    else
        port = NULL;
    size_t host_len = strlen(host);
    if (host[0] == '[' && host[host_len - 1] == ']') {
        host[host_len - 1] = '\0';
        host++;
    }
    return look_up(t, host, port ? port : "80", e);
}

void client_init(struct client *c)
{
    c->fd = -1;
}

void client_done(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
}

bool client_connect(struct client *c, const struct client_target *t, struct err *e)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = socket(t->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&t->address, t->address_len) != 0)
        return err_set(e, ERR_IO, 0, "cannot connect to %.100s: %s", t->host, strerror(errno));
    int on = 1;
    if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
        return err_set(e, ERR_IO, 0, "cannot set up a connection: %s", strerror(errno));
    return true;
}

void client_begin(struct client *c, const struct client_target *t, const char *name,
                  struct str body)
{
    int n = snprintf(c->out, sizeof c->out,
                     "POST %s%s%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     t->path, name ? "/" : "", name ? name : "", t->host, body.len);
    assert(n > 0 && (size_t)n < sizeof c->out);
    c->out_len = (size_t)n;
    c->body = body;
    c->sent = c->have = c->head_len = c->body_left = 0;
    c->status = 0;
    c->last = false;
}

/* The value of a header in the head, or NULL. */
static const char *find_header(const struct client *c, const char *name)
{
    const char *line = strstr(c->in, "\r\n");
    size_t len = strlen(name);
    while (line && line + 2 < c->in + c->head_len) {
        line += 2;
        if (!strncasecmp(line, name, len) && line[len] == ':')
            return line + len + 1 + strspn(line + len + 1, " \t");
        line = strstr(line, "\r\n");
    }
    return NULL;
}

static bool read_head(struct client *c, struct err *e)
{
    const char *end = strstr(c->in, "\r\n\r\n");
    if (!end) {
        if (c->have == CLIENT_HEAD_MAX)
            return err_set(e, ERR_LIMIT, 0, "the head of the answer is too long");
        return true;
    }
    c->head_len = (size_t)(end - c->in) + 4;
    if (strncmp(c->in, "HTTP/1.", 7) != 0 || c->head_len < 14)
        return err_set(e, ERR_INPUT, 0, "the answer is not HTTP/1.1");
    c->status = (unsigned)strtoul(c->in + 9, NULL, 10);
    const char *length = find_header(c, "Content-Length");
    const char *connection = find_header(c, "Connection");
    if (!length)
        return err_set(e, ERR_INPUT, 0, "the answer has no Content-Length");
    c->body_left = (size_t)strtoul(length, NULL, 10);
    c->last = connection && !strncasecmp(connection, "close", 5);
    size_t body_have = c->have - c->head_len;
    c->body_left -= body_have < c->body_left ? body_have : c->body_left;
    return true;
}

static bool is_answered(const struct client *c)
{
    return c->head_len > 0 && c->body_left == 0;
}

/* Into `in` while it has room; the rest of a long body is not kept. */
static ssize_t receive(struct client *c)
{
    char unwanted[65536];
    if (c->head_len == 0 || c->have < CLIENT_HEAD_MAX) {
        ssize_t n = recv(c->fd, c->in + c->have, CLIENT_HEAD_MAX - c->have, 0);
        if (n > 0) {
            c->have += (size_t)n;
            c->in[c->have] = '\0';
        }
        return n;
    }
    return recv(c->fd, unwanted, sizeof unwanted, 0);
}

static enum client_outcome step_read(struct client *c, struct err *e)
{
    while (!is_answered(c)) {
        bool had_head = c->head_len > 0;
        ssize_t n = receive(c);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return CLIENT_WANTS_READ;
        if (n <= 0) {
            err_set(e, ERR_IO, 0, "the connection ended before the answer: %s",
                    n < 0 ? strerror(errno) : "closed by the server");
            return CLIENT_FAILED;
        }
        if (had_head)
            c->body_left -= (size_t)n < c->body_left ? (size_t)n : c->body_left;
        else if (!read_head(c, e))
            return CLIENT_FAILED;
    }
    return CLIENT_ANSWERED;
}

/* What is left of the request. */
static ssize_t send_rest(const struct client *c)
{
    size_t of_body = c->sent > c->out_len ? c->sent - c->out_len : 0;
    size_t of_head = c->sent - of_body;
    struct iovec parts[2] = {
        { (void *)(uintptr_t)(c->out + of_head), c->out_len - of_head },
        { (void *)(uintptr_t)(c->body.ptr + of_body), c->body.len - of_body },
    };
    struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };
    return sendmsg(c->fd, &m, MSG_NOSIGNAL);
}

enum client_outcome client_step(struct client *c, struct err *e)
{
    while (c->sent < c->out_len + c->body.len) {
        ssize_t n = send_rest(c);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return CLIENT_WANTS_WRITE;
        if (n < 0) {
            err_set(e, ERR_IO, 0, "cannot send: %s", strerror(errno));
            return CLIENT_FAILED;
        }
        c->sent += (size_t)n;
    }
    return step_read(c, e);
}

struct str client_body(const struct client *c)
{
    return (struct str){ c->in + c->head_len, c->have - c->head_len };
}
