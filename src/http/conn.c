/* conn.c - connections as they come and go: how many there may be, and which loop gets which.
 *
 * The acceptor makes a conn, counts it and hands its socket to a loop (`handed`); the loop's thread
 * takes it (`conns`), and lets go of it when MHD has done with the connection. A connection counts
 * from the moment it is handed over, so that many that come at once are spread evenly, and none
 * comes in over the limit.
 *
 * What is hard here: a loop may lose a connection that it was handed, when memory is short on its
 * thread; MHD closes the socket then, and nobody is told. conn_forget_lost finds out. */
#include "http/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>

/* All of these under conns_mu. */

static void list_put(struct conn **list, struct conn *c)
{
    c->prev = NULL;
    c->next = *list;
    if (*list)
        (*list)->prev = c;
    *list = c;
}

static void list_take(struct conn **list, struct conn *c)
{
    if (c->next)
        c->next->prev = c->prev;
    *(c->prev ? &c->prev->next : list) = c->next;
}

/* The newest with that descriptor: an older one would be a lost one. */
static struct conn *find_handed(struct http_server *s, int fd)
{
    struct conn *c = s->handed;
    while (c && c->fd != fd)
        c = c->next;
    return c;
}

static void uncount(struct http_server *s, struct conn *c)
{
    c->loop->open--;
    atomic_fetch_sub(&s->connections, 1);
}

static void forget(struct http_server *s, struct conn *c)
{
    list_take(&s->handed, c);
    uncount(s, c);
    free(c);
}

/* A socket that was handed over is open until the loop takes it. */
static bool is_lost(const struct conn *c)
{
    struct stat now;
    return fstat(c->fd, &now) != 0 || now.st_dev != c->device || now.st_ino != c->inode;
}

void conn_forget_lost(struct http_server *s)
{
    for (struct conn *c = s->handed, *next; c; c = next) {
        next = c->next;
        if (is_lost(c))
            forget(s, c);
    }
}

static struct loop *choose_loop(struct loops *l)
{
    struct loop *best = &l->loops[l->turn];
    for (size_t i = 1; i < l->count; i++) {
        struct loop *other = &l->loops[(l->turn + i) % l->count];
        if (other->open < best->open)
            best = other;
    }
    l->turn = ((size_t)(best - l->loops) + 1) % l->count;
    return best;
}

/* The acceptor's side. */

static struct conn *conn_new(int fd)
{
    struct stat socket;
    struct conn *c = fstat(fd, &socket) == 0 ? calloc(1, sizeof *c) : NULL;
    if (!c)
        return NULL;
    c->fd = fd;
    c->device = socket.st_dev;
    c->inode = socket.st_ino;
    return c;
}

bool conn_admit(struct http_server *s, struct loops *loops, int fd, const struct sockaddr *peer,
                socklen_t peer_len)
{
    struct conn *c = conn_new(fd);
    struct loop *loop = NULL;
    pthread_mutex_lock(&s->conns_mu);
    if (c && atomic_load(&s->connections) < s->config.connections_max) {
        loop = c->loop = choose_loop(loops);
        loop->open++;
        atomic_fetch_add(&s->connections, 1);
        list_put(&s->handed, c);
    }
    pthread_mutex_unlock(&s->conns_mu);
    if (!loop) {
        free(c);
        return false;
    }
    /* When this fails, MHD has closed the socket, and the connection is lost like others. */
    (void)dl_MHD_add_connection(loop->daemon, fd, peer, peer_len);
    return true;
}

/* The loop's side. */

static void opened(struct loop *loop, struct MHD_Connection *mhd, void **context)
{
    struct http_server *s = loop->server;
    int fd = dl_MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    const union MHD_ConnectionInfo *tls =
        dl_MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    const struct sockaddr *peer =
        dl_MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    pthread_mutex_lock(&s->conns_mu);
    struct conn *c = find_handed(s, fd);
    assert(c && c->loop == loop);
    list_take(&s->handed, c);
    c->tls = tls ? tls->tls_session : NULL;
    conn_phase_set(c, PHASE_IDLE, watch_now_ms());
    list_put(&s->conns, c);
    pthread_mutex_unlock(&s->conns_mu);
    c->trusted = networks_hold(&s->proxies, peer);
    address_text(peer, c->peer);
    *context = c;
}

static void closed(struct loop *loop, void **context)
{
    struct http_server *s = loop->server;
    struct conn *c = *context;
    *context = NULL;
    exchange_free(&c->x);
    pthread_mutex_lock(&s->conns_mu);
    list_take(&s->conns, c);
    uncount(s, c);
    pthread_mutex_unlock(&s->conns_mu);
    free(c);
}

void conn_changed(void *cls, struct MHD_Connection *mhd, void **context,
                  enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        opened(cls, mhd, context);
    else
        closed(cls, context);
}

void conn_free_handed(struct http_server *s)
{
    while (s->handed)
        forget(s, s->handed);
}
