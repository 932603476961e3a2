/* A configuration file: read or refused, and what is said of it shows no value and no control character. */
#include "fuzz.h"

#include "conf/config.h"
#include "loop/clock.h"

static void look(const char *text, size_t max)
{
    CHECK(strnlen(text, max) < max);
    for (; *text != '\0'; text++)
        CHECK((unsigned char) *text >= 0x20 && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct conf_input in = { .wall_us = (us_t) 1767225600 * US_PER_S, .parse_time = clock_parse_rfc3339 };
    struct conf_faults faults;
    struct err err = { 0 };
    struct config *c = config_read(&in, "config.json", fuzz_bytes(data, len), &faults, &err);
    CHECK((c != NULL) == (faults.count == 0));
    for (size_t i = 0; i < faults.count; i++) {
        CLEANUP(buf_fini) struct buf text = { 0 };
        look(faults.at[i].excerpt, sizeof(faults.at[i].excerpt));
        look(faults.at[i].did_you_mean, sizeof(faults.at[i].did_you_mean));
        look(faults.at[i].text, sizeof(faults.at[i].text));
        conf_fault_render(&faults.at[i], &text);
    }
    if (c != NULL) {
        CHECK(c->source.name[0] != '\0' && strcmp(c->source.name, c->dest.name) != 0);
        CHECK(c->pubsub.local == c->healthcare.local && c->credentials == !c->pubsub.local);
        CHECK(c->content_until_us == 0 || c->log_message_content);
        for (unsigned o = 0; o < OPTS; o++) {
            CLEANUP(buf_fini) struct buf shown = { 0 };
            opt_show(c->values, o, &shown);
        }
    }
    config_free(c);
    return 0;
}
