/*
 * The words every file speaks: integers, time, attributes, cleanup.
 *
 * Time is us_t, microseconds. Monotonic unless a name says wall. It arrives as
 * an argument; only loop/clock.c reads a clock.
 */
#ifndef BASE_DEF_H
#define BASE_DEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t us_t;

#define US_PER_MS  ((us_t) 1000)
#define US_PER_S   ((us_t) 1000000)
#define US_PER_MIN (60 * US_PER_S)
#define US_NEVER   INT64_MAX

#define KIB(n) ((size_t) (n) << 10)
#define MIB(n) ((size_t) (n) << 20)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_USE               __attribute__((warn_unused_result))
#define NO_RETURN              __attribute__((noreturn))
#define UNUSED                 __attribute__((unused))
#define FALLTHROUGH            __attribute__((fallthrough))

/* A loop over long texts, made for the widest vectors too; which is right is seen when the program starts,
 * before a sanitizer could look on. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WIDEST
#endif
#endif
#if !defined(WIDEST) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define WIDEST __attribute__((target_clones("avx2", "default")))
#elif !defined(WIDEST)
#define WIDEST
#endif

/* The struct that holds `field`, found from a pointer to the field. */
#define CONTAINER_OF(ptr, type, field) \
    ((type *) (void *) ((char *) (ptr) - offsetof(type, field)))

/* A call-life object ends with its scope: CLEANUP(buf_fini) struct buf b = {0}; */
#define CLEANUP(fini) __attribute__((cleanup(fini)))

/* Hands an owned pointer on and forgets it here, so that CLEANUP leaves it alone. */
#define TAKE(ptr)                          \
    ({                                     \
        __typeof__(ptr) taken_ = (ptr);    \
        (ptr) = NULL;                      \
        taken_;                            \
    })

#endif
