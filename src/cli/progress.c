/* progress.c - the bar and the lines of progress.h. */
#include "cli/progress.h"

#include "base/metrics.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_EVERY_US 200000
#define LINE_EVERY_US 2000000
#define BAR_WIDTH_MAX 40

void progress_begin(struct progress *p)
{
    *p = (struct progress){ .terminal = isatty(STDERR_FILENO), .begin_us = metric_clock_us() };
    p->next_us = p->begin_us + (p->terminal ? BAR_EVERY_US : LINE_EVERY_US);
}

double progress_seconds(const struct progress *p)
{
    return (double)(metric_clock_us() - p->begin_us) / 1e6;
}

static void write_bar(char *out, double part, size_t width)
{
    size_t full = (size_t)(part * (double)width);
    memset(out, ' ', width);
    memset(out, '=', full);
    if (full < width)
        out[full] = '>';
    out[width] = '\0';
}

void progress_text(char *out, size_t size, const struct progress_state *s, double seconds,
                   size_t columns, bool bar)
{
    double rate = seconds > 0 ? (double)s->reports / seconds : 0;
    char head[96], tail[64] = "";
    snprintf(head, sizeof head, "%llu reports, %.0f/s", (unsigned long long)s->reports, rate);
    if (s->bytes_total == 0 || s->bytes == 0) {
        snprintf(out, size, "%s", head);
        return;
    }
    double part = (double)s->bytes / (double)s->bytes_total;
    part = part > 1 ? 1 : part; /* a file may grow while it is read */
    unsigned long long left = (unsigned long long)(seconds * (1 - part) / part + 0.5);
    snprintf(tail, sizeof tail, "%llu:%02llu left", left / 60, left % 60);
    size_t taken = strlen(head) + strlen(tail) + sizeof "[] 100 %, , " - 1;
    char drawing[BAR_WIDTH_MAX + 1] = "";
    size_t width = columns > taken ? columns - taken : 0;
    if (bar && width > 4) {
        write_bar(drawing, part, width < BAR_WIDTH_MAX ? width : BAR_WIDTH_MAX);
        snprintf(out, size, "[%s] %3.0f %%, %s, %s", drawing, part * 100, head, tail);
    } else {
        snprintf(out, size, "%.0f %%, %s, %s", part * 100, head, tail);
    }
}

void progress_update(struct progress *p, const struct progress_state *s)
{
    int64_t now = metric_clock_us();
    if (now < p->next_us)
        return;
    p->next_us = now + (p->terminal ? BAR_EVERY_US : LINE_EVERY_US);
    struct winsize ws = { 0 };
    size_t columns = 80;
    if (p->terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
        columns = ws.ws_col;
    char text[256];
    progress_text(text, sizeof text, s, (double)(now - p->begin_us) / 1e6, columns - 1,
                  p->terminal);
    if (p->terminal)
        fprintf(stderr, "\r\033[K%s", text);
    else
        fprintf(stderr, "%s\n", text);
    p->drawn = p->terminal;
}

void progress_clear(struct progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}
