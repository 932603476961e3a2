#include "run/progress.h"

#include "admin/rates.h"
#include "base/mem.h"
#include "run/status.h"

#include <sys/ioctl.h>

static const us_t draw_every_us = 500 * US_PER_MS;

struct progress {
    const struct assembly *a;
    struct log_drain *drain;
    struct loop_timer timer;
    struct rates_history rates;
    us_t sampled_us;
    int fd;
};

static void draw(struct loop_timer *t);
static size_t width_of(int fd);

struct progress *progress_open(const struct assembly *a, struct log_drain *d, int fd)
{
    struct progress *p = mem_alloc(sizeof(*p));
    *p = (struct progress) { .a = a, .drain = d, .fd = fd, .timer.fn = draw };
    loop_timer_set(a->loop, &p->timer, loop_now(a->loop) + draw_every_us);
    return p;
}

void progress_close(struct progress *p)
{
    if (p == NULL)
        return;
    loop_timer_stop(p->a->loop, &p->timer);
    log_drain_footer(p->drain, BYTES_LIT(""));
    mem_free(p);
}

static void draw(struct loop_timer *t)
{
    struct progress *p = CONTAINER_OF(t, struct progress, timer);
    struct admin_view *v = mem_alloc(sizeof(*v));
    CLEANUP(buf_fini) struct buf text = { 0 };
    us_t now = loop_now(p->a->loop);
    status_snapshot(p->a, &v->snapshot);
    if (p->rates.count == 0 || now - p->sampled_us >= RATES_EVERY_S * US_PER_S) {
        rates_sample(&p->rates, p->a->metrics, now);
        p->sampled_us = now;
    }
    rates_read(&p->rates, &v->rates);
    v->metrics = p->a->metrics;
    v->now_us = now;
    v->wall_us = loop_wall(p->a->loop);
    admin_view_text(v, width_of(p->fd), &text);
    log_drain_footer(p->drain, buf_bytes(&text));
    mem_free(v);
    loop_timer_set(p->a->loop, t, now + draw_every_us);
}

/* One column less: a full line would wrap on some terminals. */
static size_t width_of(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col - 1u : 79;
}
