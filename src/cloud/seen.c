#include "cloud/seen.h"

#include "base/limits.h"
#include "base/mem.h"

struct cloud_seen {
    uint64_t count;
    struct cloud_seen_one ring[LIMIT_CLOUD_SEEN];
};

struct cloud_seen *cloud_seen_make(void)
{
    return mem_alloc(sizeof(struct cloud_seen));
}

void cloud_seen_free(struct cloud_seen *s)
{
    mem_free(s);
}

/* Long paths keep both ends: the service at the front, the id at the back. */
static void copy(char *to, size_t size, struct bytes from)
{
    static const struct bytes gap = BYTES_LIT("...");
    if (from.len < size) {
        if (from.len > 0)
            memcpy(to, from.ptr, from.len);
        to[from.len] = '\0';
        return;
    }
    size_t head = (size - 1 - gap.len) / 2, tail = size - 1 - gap.len - head;
    memcpy(to, from.ptr, head);
    memcpy(to + head, gap.ptr, gap.len);
    memcpy(to + head + gap.len, from.ptr + from.len - tail, tail);
    to[size - 1] = '\0';
}

void cloud_seen_note(struct cloud_seen *s, const struct net_request *r, const struct net_answer *answer)
{
    struct cloud_seen_one *one = &s->ring[s->count++ % LIMIT_CLOUD_SEEN];
    one->wall_us = loop_wall(net_request_loop(r));
    one->took_us = answer->took_us;
    one->status = answer->status;
    one->grpc_status = answer->grpc_status;
    copy(one->method, sizeof(one->method), net_request_method(r));
    copy(one->path, sizeof(one->path), net_request_path(r));
}

const struct cloud_seen_one *cloud_seen_at(const struct cloud_seen *s, size_t back)
{
    if (back >= LIMIT_CLOUD_SEEN || back >= s->count)
        return NULL;
    return &s->ring[(s->count - 1 - back) % LIMIT_CLOUD_SEEN];
}

uint64_t cloud_seen_count(const struct cloud_seen *s)
{
    return s->count;
}
