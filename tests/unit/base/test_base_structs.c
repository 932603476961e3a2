#include "unit.h"

#include "base/backoff.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/slots.h"

static void bytes_cut_and_numbers(void **state UNUSED)
{
    struct bytes b = BYTES_LIT("a/bc//d");
    assert_bytes_equal(bytes_cut(&b, '/'), "a");
    assert_bytes_equal(bytes_cut(&b, '/'), "bc");
    assert_bytes_equal(bytes_cut(&b, '/'), "");
    assert_bytes_equal(bytes_cut(&b, '/'), "d");
    assert_bytes_equal(b, "");
    assert_bytes_equal(bytes_trim(BYTES_LIT(" \t x y\r\n")), "x y");
    uint64_t n = 1;
    assert_true(bytes_to_u64(BYTES_LIT("18446744073709551615"), &n));
    assert_true(n == UINT64_MAX);
    assert_false(bytes_to_u64(BYTES_LIT("18446744073709551616"), &n));
    assert_false(bytes_to_u64(BYTES_LIT(""), &n));
    assert_false(bytes_to_u64(BYTES_LIT("+1"), &n));
    assert_true(bytes_eq_nocase(BYTES_LIT("Content-Type"), BYTES_LIT("content-type")));
}

static void buf_grows_and_stays_terminated(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf b = { 0 };
    assert_string_equal(buf_str(&b), "");
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i);
    assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4);
    assert_int_equal(b.ptr[b.len], 0);
    buf_drop_front(&b, 2);
    assert_memory_equal(b.ptr, "1,2,", 4);
}

struct timed {
    struct heap_entry entry;
    us_t want;
};

static void heap_gives_in_order(void **state UNUSED)
{
    static struct timed timers[500];
    struct heap h = { 0 };
    struct rnd r;
    rnd_seed(&r, 3);
    for (int round = 0; round < 5000; round++) {
        struct timed *t = &timers[rnd_below(&r, ARRAY_LEN(timers))];
        if (rnd_chance(&r, 0.3)) {
            heap_remove(&h, &t->entry);
        } else {
            t->want = (us_t) rnd_below(&r, 100);
            heap_set(&h, &t->entry, t->want);
        }
    }
    us_t last = -1;
    uint64_t last_seq = 0;
    for (struct heap_entry *e; (e = heap_first(&h)) != NULL; heap_remove(&h, e)) {
        assert_true(e->at_us == CONTAINER_OF(e, struct timed, entry)->want);
        assert_true(e->at_us > last || (e->at_us == last && e->seq > last_seq));
        last = e->at_us;
        last_seq = e->seq;
    }
    heap_fini(&h);
}

static void a_dead_id_finds_nothing(void **state UNUSED)
{
    struct slots s;
    struct slot_id a, b, c;
    slots_init(&s, 24, 300);
    char *first = slots_take(&s, &a);
    assert_ptr_equal(slots_find(&s, a), first);
    slots_give(&s, a);
    assert_null(slots_find(&s, a));
    assert_ptr_equal(slots_take(&s, &b), first);
    assert_int_equal(a.slot, b.slot);
    assert_null(slots_find(&s, a));
    assert_non_null(slots_find(&s, b));
    for (int i = 1; i < 300; i++)
        assert_non_null(slots_take(&s, &c));
    assert_null(slots_take(&s, &c));
    assert_ptr_equal(slots_find(&s, b), first);
    assert_null(slots_find(&s, (struct slot_id) { 0, 0 }));
    slots_fini(&s);
}

static void backoff_stays_in_its_bounds(void **state UNUSED)
{
    struct backoff b = { 250 * US_PER_MS, 32 * US_PER_S, 2 };
    struct rnd r;
    rnd_seed(&r, 1);
    for (uint32_t n = 0; n < 64; n++) {
        us_t cap = n < 7 ? b.initial_us << n : b.max_us;
        for (int i = 0; i < 100; i++) {
            us_t full = backoff_wait(&b, n, BACKOFF_FULL, &r);
            us_t equal = backoff_wait(&b, n, BACKOFF_EQUAL, &r);
            assert_true(full >= 0 && full <= cap);
            assert_true(equal >= cap / 2 && equal <= cap);
        }
    }
}

static void err_carries_one_sentence(void **state UNUSED)
{
    struct err err;
    assert_false(FAIL(&err, CONFIG, "line %d is wrong", 3));
    assert_false(err_wrap(&err, "config.json"));
    assert_string_equal(err.text, "config.json: line 3 is wrong");
    assert_string_equal(err_name(err.class), "CONFIG");
    assert_string_equal(err_name(60000), "UNKNOWN");
}

static void sha256_known_value(void **state UNUSED)
{
    CLEANUP(buf_fini) struct buf hex = { 0 };
    struct sha256 sum = sha256_of(BYTES_LIT("abc"));    /* FIPS 180-4, appendix */
    sha256_hex(&sum, &hex);
    assert_string_equal(buf_str(&hex), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_cut_and_numbers),
        cmocka_unit_test(buf_grows_and_stays_terminated),
        cmocka_unit_test(heap_gives_in_order),
        cmocka_unit_test(a_dead_id_finds_nothing),
        cmocka_unit_test(backoff_stays_in_its_bounds),
        cmocka_unit_test(err_carries_one_sentence),
        cmocka_unit_test(sha256_known_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
