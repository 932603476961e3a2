/* Fault rules: any text is a rule or is refused with a sentence; a rule that was read can be asked. */
#include "fuzz.h"

#include "base/mem.h"
#include "cloud/fault_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes text = fuzz_bytes(data, len);
    struct cloud_fault_rule rule;
    struct err err = { 0 };
    size_t count = 0;
    if (cloud_fault_rules_line(text, &rule, &err)) {
        CHECK(rule.ops != 0 && rule.kind != CLOUD_FAULT_NONE && rule.p >= 0 && rule.p <= 1);
        CHECK(rule.delay_min_us <= rule.delay_max_us);
        (void) cloud_fault_rules_match(&rule, CLOUD_FAULT_ON_GET, text);
    } else {
        CHECK(err.class != ERR_OK);
    }
    CLEANUP(mem_free_ptr) struct cloud_fault_rule *rules = mem_alloc_n(CLOUD_FAULT_RULES_MAX, sizeof(rule));
    if (cloud_fault_rules_file(text, rules, &count, &err))
        CHECK(count <= CLOUD_FAULT_RULES_MAX);
    return 0;
}
