/*
 * A child publishes, acknowledges, makes topics, labels and deletes them as fast as
 * the disk lets it and tells through a pipe what was confirmed to it; it is killed by
 * SIGKILL at a random moment, or ends as in a power cut (cut_vfs.h), and the directory
 * is looked at. HL7RELAY_KILLS is the number of kills (default 8), HL7RELAY_CUTS that
 * of power cuts (default 200), HL7RELAY_SEED repeats a run.
 */
#include "cloud_fixture.h"
#include "cut_vfs.h"

#include "base/rand.h"
#include "loop/clock.h"

#include <signal.h>
#include <sys/wait.h>

enum { IN_FLIGHT = 300, NUMBERS = 4 << 20 };

/* What the parent knows of each message, by the number that is its data. */
enum fate { UNKNOWN, PUBLISHED = 1, ACK_ASKED = 2, ACKED = 4, SEEN = 8 };

static uint8_t fates[NUMBERS];

/* And of each topic, by the number in its name: what was asked for, what was confirmed. */
enum topic_fate { MADE = 1, LABEL_ASKED = 2, LABELLED = 4, DELETE_ASKED = 8, DELETED = 16 };

static uint8_t topic_fates[NUMBERS];

/* --- the child --- */

struct child {
    struct fixture f;
    int pipe;
    uint64_t next, next_topic;
    size_t in_flight;
};

struct child_call {
    struct cloud_unary unary;
    struct child *child;
    char kind;              /* 'P' or 'A'; 'C', 'L' or 'D' of a topic */
    uint64_t first, count;
};

static void tell(struct child *c, char kind, uint64_t first, uint64_t count)
{
    char line[64];
    int len = snprintf(line, sizeof(line), "%c %llu %llu\n", kind, (unsigned long long) first,
                       (unsigned long long) count);
    if (write(c->pipe, line, (size_t) len) != len)
        _exit(1);
}

static void child_topic(struct child *c, uint64_t number, char step);

static void child_answered(struct cloud_unary *u, enum grpc_code code, struct bytes message UNUSED,
                           struct bytes details UNUSED, struct bytes response UNUSED)
{
    struct child_call *call = CONTAINER_OF(u, struct child_call, unary);
    if (code != GRPC_OK)
        _exit(2);
    tell(call->child, call->kind, call->first, call->count);
    call->child->in_flight--;
    /* A topic is made, labelled, and every other one is deleted. */
    if (call->kind == 'C')
        child_topic(call->child, call->first, 'L');
    else if (call->kind == 'L' && call->first % 2 == 0)
        child_topic(call->child, call->first, 'D');
    mem_free(call);
}

static struct child_call *child_call(struct child *c, char kind, uint64_t first, uint64_t count)
{
    struct child_call *call = mem_alloc(sizeof(*call));
    *call = (struct child_call) { .child = c, .kind = kind, .first = first, .count = count };
    call->unary = (struct cloud_unary) { .cloud = &c->f.cloud, .deadline_us = US_NEVER, .answer = child_answered };
    c->in_flight++;
    return call;
}

/* The next step with a topic: 'C'reate, 'L'abel or 'D'elete; in lower case it is told that it was asked for. */
static void child_topic(struct child *c, uint64_t number, char step)
{
    CLEANUP(buf_fini) struct buf topic = { 0 }, request = { 0 }, name = { 0 };
    struct cloud_unary *u = &child_call(c, step, number, 1)->unary;
    buf_printf(&name, "projects/p/topics/made-%llu", (unsigned long long) number);
    cloud_wire_put_text(&topic, 1, buf_bytes(&name));
    tell(c, (char) (step + 'a' - 'A'), number, 1);
    if (step == 'C') {
        cloud_topic_create(u, buf_bytes(&topic));
    } else if (step == 'L') {
        cloud_wire_put_pair(&topic, 2, BYTES_LIT("k"), BYTES_LIT("v"));
        cloud_wire_put_bytes(&request, 1, buf_bytes(&topic));
        cloud_wire_put_bytes(&request, 2, BYTES_LIT("\x0a\x06labels"));
        cloud_topic_update(u, buf_bytes(&request));
    } else {
        cloud_topic_delete(u, buf_bytes(&topic));
    }
}

static void child_publish(struct child *c, uint64_t count)
{
    CLEANUP(buf_fini) struct buf request = { 0 };
    put(&request, 1, TOPIC);
    for (uint64_t i = 0; i < count; i++) {
        CLEANUP(buf_fini) struct buf message = { 0 }, data = { 0 };
        buf_printf(&data, "%llu", (unsigned long long) (c->next + i));
        cloud_wire_put_text(&message, 1, buf_bytes(&data));
        cloud_wire_put_bytes(&request, 2, buf_bytes(&message));
    }
    struct child_call *call = child_call(c, 'P', c->next, count);
    c->next += count;
    cloud_topic_publish(&call->unary, buf_bytes(&request));
}

/* Acknowledges every other message that it is given. */
static void child_flush(struct cloud_consumer *consumer)
{
    struct taker *t = CONTAINER_OF(consumer, struct taker, consumer);
    struct child *c = CONTAINER_OF(consumer->sub->pubsub->cloud, struct child, f.cloud);
    struct cloud_wire w = cloud_wire_of(buf_bytes(&consumer->out));
    struct cloud_wire_field v;
    while (cloud_wire_next(&w, &v)) {
        uint64_t number;
        if (!bytes_to_u64(cloud_wire_find(cloud_wire_find(v.octets, 2), 1), &number))
            _exit(3);
        if (t->responses++ % 2 == 0)
            continue;
        CLEANUP(buf_fini) struct buf request = { 0 };
        put(&request, 1, SUB);
        cloud_wire_put_text(&request, 2, cloud_wire_find(v.octets, 1));
        tell(c, 'R', number, 1);
        cloud_sub_acknowledge(&child_call(c, 'A', number, 1)->unary, buf_bytes(&request));
    }
    buf_clear(&consumer->out);
    consumer->out_count = 0;
}

static void run_child(const char *dir, int pipe_fd, uint64_t first)
{
    struct child *c = mem_alloc(sizeof(*c));
    *c = (struct child) { .f = { .on_disk = true }, .pipe = pipe_fd, .next = first, .next_topic = first };
    snprintf(c->f.dir, sizeof(c->f.dir), "%s", dir);
    c->f.cloud.loop = loop_make(NULL);
    fixture_open(&c->f);
    struct taker *t = taker_make(&c->f, SUB, 0);
    t->consumer.flush = child_flush;
    for (;;) {
        while (c->in_flight < IN_FLIGHT) {
            child_publish(c, 1 + c->next % 3);
            if (c->next % 16 == 0)
                child_topic(c, c->next_topic++, 'C');
        }
        loop_pass(c->f.cloud.loop, US_PER_S);
    }
}

/* --- the parent --- */

static void hear(struct bytes said)
{
    while (said.len > 0) {
        struct bytes line = bytes_cut(&said, '\n');
        struct bytes kind = bytes_cut(&line, ' '), number = bytes_cut(&line, ' ');
        uint64_t first = 0, count = 0;
        if (!bytes_to_u64(number, &first) || !bytes_to_u64(line, &count))
            fail_msg("the child talks nonsense");
        assert_true(first + count <= NUMBERS);
        if (strchr("cCldLD", kind.ptr[0]) != NULL) {
            topic_fates[first] |= kind.ptr[0] == 'C' ? MADE : kind.ptr[0] == 'L' ? LABELLED : kind.ptr[0] == 'D' ? DELETED
                                  : kind.ptr[0] == 'l' ? LABEL_ASKED : kind.ptr[0] == 'd' ? DELETE_ASKED : 0;
            continue;
        }
        uint8_t fate = kind.ptr[0] == 'P' ? PUBLISHED : kind.ptr[0] == 'R' ? ACK_ASKED : ACKED;
        for (uint64_t i = 0; i < count; i++)
            fates[first + i] |= fate;
    }
}

static bool look(void *ctx UNUSED, struct bytes key UNUSED, struct bytes value)
{
    uint64_t number;
    assert_true(bytes_to_u64(cloud_wire_find(value, 1), &number) && number < NUMBERS);
    if (fates[number] & SEEN)
        fail_msg("message %llu is there twice", (unsigned long long) number);
    if (fates[number] & ACKED)
        fail_msg("message %llu was acknowledged and is there", (unsigned long long) number);
    fates[number] |= SEEN;
    return true;
}

static void look_at_topics(struct fixture *f, uint64_t first, uint64_t beyond)
{
    for (uint64_t n = first; n < beyond; n++) {
        char name[64];
        snprintf(name, sizeof(name), "projects/p/topics/made-%llu", (unsigned long long) n);
        const struct cloud_topic *t = cloud_topic_find(f->cloud.pubsub, bytes_str(name));
        bool labelled = t != NULL && cloud_wire_find(buf_bytes(&t->proto), 2).ptr != NULL;
        if (t == NULL && (topic_fates[n] & MADE) && !(topic_fates[n] & DELETE_ASKED))
            fail_msg("topic %llu was confirmed and is lost", (unsigned long long) n);
        if (t != NULL && (topic_fates[n] & DELETED))
            fail_msg("topic %llu was deleted and is there", (unsigned long long) n);
        if (t != NULL && !labelled && (topic_fates[n] & LABELLED))
            fail_msg("topic %llu has lost its label", (unsigned long long) n);
        if (labelled && !(topic_fates[n] & LABEL_ASKED))
            fail_msg("topic %llu has a label that nobody gave it", (unsigned long long) n);
    }
}

/* Returns how many publishes were confirmed. */
static size_t judge(struct fixture *f, uint64_t first, uint64_t beyond)
{
    fixture_open(f);
    struct cloud_db_range range = { .table = CLOUD_DB_BACKLOG };
    assert_true(cloud_db_scan(f->cloud.db, &range, look, NULL, NULL));
    size_t confirmed = 0;
    look_at_topics(f, first, MIN(beyond, first + 5000));
    for (uint64_t n = 0; n < beyond; n++) {
        confirmed += n >= first && (fates[n] & PUBLISHED) != 0;
        if ((fates[n] & PUBLISHED) && !(fates[n] & (ACK_ASKED | SEEN)))
            fail_msg("message %llu was confirmed and is lost", (unsigned long long) n);
        fates[n] &= (uint8_t) ~SEEN;
    }
    fixture_close(f);
    /* Else it would have come into the next one's numbers. */
    assert_true(beyond >= NUMBERS || (fates[beyond] & PUBLISHED) == 0);
    return confirmed;
}

/*
 * Lets a child run; it ends by SIGKILL some time after it said `word`, or (cut_at > 0) by a power cut. The clock
 * runs from a word on, since to open, and to confirm at all, takes longer on a slow machine.
 */
static void run_once(struct fixture *f, uint64_t first, const char *word, us_t after_us, uint64_t cut_at, uint64_t cut_seed)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        if (cut_at > 0)
            cut_vfs_install(cut_at, cut_seed);
        run_child(f->dir, ends[1], first);
        _exit(0);
    }
    close(ends[1]);
    CLEANUP(buf_fini) struct buf said = { 0 };
    us_t end_us = 0;
    bool killed = cut_at > 0;
    for (;;) {
        char *at = buf_reserve(&said, 65536);
        ssize_t n = read(ends[0], at, 65536);
        if (n <= 0)
            break;
        said.len += (size_t) n;
        us_t now = clock_now();
        if (end_us == 0 && memmem(said.ptr, said.len, word, strlen(word)) != NULL)
            end_us = now + after_us;
        if (!killed && end_us != 0 && now >= end_us)
            killed = kill(child, SIGKILL) == 0;
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (cut_at > 0 ? !WIFEXITED(status) || WEXITSTATUS(status) != CUT_VFS_STATUS : !WIFSIGNALED(status))
        fail_msg("the child ended by itself with %d", WEXITSTATUS(status));
    close(ends[0]);
    /* A line that was cut is none. */
    while (said.len > 0 && said.ptr[said.len - 1] != '\n')
        said.len--;
    hear(buf_bytes(&said));
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    uint64_t value = otherwise;
    if (getenv(name) != NULL)
        assert_true(bytes_to_u64(bytes_str(getenv(name)), &value));
    return value;
}

static void make_dir(struct fixture *f)
{
    fixture_make(f, true);
    make_topic(f, TOPIC);
    make_sub(f, SUB);
    fixture_close(f);
    loop_free(f->cloud.loop);
}

static void test_everything_confirmed_outlives_sigkill(void **state UNUSED)
{
    uint64_t count = from_environment("HL7RELAY_KILLS", 8), seed = from_environment("HL7RELAY_SEED", 1);
    print_message("# HL7RELAY_SEED=%llu\n", (unsigned long long) seed);
    struct rnd rnd;
    rnd_seed(&rnd, seed);

    struct fixture f;
    make_dir(&f);
    size_t confirmed = 0;
    uint64_t room = NUMBERS / count;
    for (uint64_t i = 0; i < count; i++) {
        /* One in four before anything may be confirmed, the others after the first publish was. */
        run_once(&f, i * room, i % 4 == 0 ? "" : "P ", (us_t) rnd_below(&rnd, 60 * US_PER_MS), 0, 0);
        f.cloud.loop = loop_make(NULL);
        confirmed += judge(&f, i * room, (i + 1) * room);
        loop_free(f.cloud.loop);
    }
    print_message("# %zu publishes confirmed before %llu kills\n", confirmed, (unsigned long long) count);
    assert_true(confirmed > count);
    temp_dir_remove(f.dir);
}

enum { CUTS_A_DIR = 20 };

/* Most cuts come early; some may come late, when the log is written back into the database. */
static void test_everything_confirmed_outlives_a_power_cut(void **state UNUSED)
{
    uint64_t count = from_environment("HL7RELAY_CUTS", 200), seed = from_environment("HL7RELAY_SEED", 1);
    print_message("# HL7RELAY_SEED=%llu\n", (unsigned long long) seed);
    struct rnd rnd;
    rnd_seed(&rnd, seed);

    struct fixture f;
    size_t confirmed = 0;
    /* Each directory has all the numbers: a child that is cut late publishes tens of thousands. */
    uint64_t room = NUMBERS / CUTS_A_DIR;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t first = i % CUTS_A_DIR * room;
        cut_vfs_install(UINT64_MAX, 0);    /* here no cut comes, and no sync takes time */
        if (first == 0) {
            memset(fates, 0, sizeof(fates));
            memset(topic_fates, 0, sizeof(topic_fates));
            make_dir(&f);
        }
        run_once(&f, first, "", 0, 1 + rnd_below(&rnd, i % 16 == 0 ? 3000 : 150), rnd_u64(&rnd));
        f.cloud.loop = loop_make(NULL);
        confirmed += judge(&f, first, first + room);
        loop_free(f.cloud.loop);
        if (first == (CUTS_A_DIR - 1) * room || i == count - 1)
            temp_dir_remove(f.dir);
    }
    print_message("# %zu publishes confirmed before %llu power cuts\n", confirmed, (unsigned long long) count);
    assert_true(confirmed > count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_confirmed_outlives_sigkill),
        cmocka_unit_test(test_everything_confirmed_outlives_a_power_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
