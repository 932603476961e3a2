/* What every unit test includes. No sockets, no time: under five seconds in all. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

#define assert_bytes_equal(b, text)                            \
    do {                                                       \
        struct bytes b_ = (b);                                 \
        assert_int_equal(b_.len, strlen(text));                \
        if (b_.len > 0)                                        \
            assert_memory_equal(b_.ptr, (text), b_.len);       \
    } while (0)

#endif
