/*
 * Real-world samples, where they are present: HL7RELAY_CORPUS, or ../shared/corpus beside the project. They
 * are not part of the project; without them this test is skipped, and says so.
 */
#include "unit.h"

#include "hl7/ack.h"
#include "hl7/validate.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static const char *corpus(void)
{
    const char *dir = getenv("HL7RELAY_CORPUS");
    return dir != NULL ? dir : SOURCE_ROOT "/../shared/corpus";
}

static void read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    buf_clear(out);
    size_t n;
    while ((n = fread(buf_reserve(out, 65536), 1, 65536, f)) > 0)
        out->len += n;
    fclose(f);
}

typedef void judge_fn(const char *file, struct bytes message);

static unsigned files, refused, refused_as_documented;

static void each_file(const char *part, judge_fn *judge)
{
    CLEANUP(buf_fini) struct buf path = { 0 };
    CLEANUP(buf_fini) struct buf message = { 0 };
    buf_printf(&path, "%s/%s", corpus(), part);
    DIR *dir = opendir(buf_str(&path));
    assert_non_null(dir);
    files = refused = refused_as_documented = 0;
    struct dirent *e;
    while ((e = readdir(dir)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        buf_clear(&path);
        buf_printf(&path, "%s/%s/%s", corpus(), part, e->d_name);
        read_file(buf_str(&path), &message);
        files++;
        judge(e->d_name, buf_bytes(&message));
    }
    closedir(dir);
}

static void must_be_sound(const char *file, struct bytes message)
{
    enum hl7_defect defect = hl7_validate(message, &(struct hl7_rules) { .any_charset = true });
    if (defect != HL7_SOUND) {
        refused++;
        print_message("# refused %s: %s\n", file, hl7_defect_name(defect));
    }
    defect = hl7_validate(message, &(struct hl7_rules) { 0 });
    if (defect != HL7_SOUND) {
        assert_int_equal(defect, HL7_DEFECT_ENCODING);
        refused_as_documented++;
    }
}

static void must_be_borne(const char *file UNUSED, struct bytes message)
{
    CLEANUP(buf_fini) struct buf nack = { 0 };
    struct hl7_msh msh;
    bool header = hl7_msh_read(message, HL7_CR, &msh);
    if (hl7_validate(message, &(struct hl7_rules) { .any_charset = true }) != HL7_SOUND)
        refused++;
    hl7_ack_refuse(header ? &msh : NULL, 0, "id", "why", &nack);
    assert_true(nack.len > 40);
    hl7_validate(message, &(struct hl7_rules) { .null_header = true, .terminator = BYTES_LIT("\n") });
}

static void every_valid_message_is_accepted(void **state)
{
    (void) state;
    each_file("valid", must_be_sound);
    print_message(
        "# valid: %u files, %u refused; %u more are refused for their character set, as documented\n", files,
        refused, refused_as_documented);
    assert_int_equal(refused, 0);
}

static void malformed_messages_do_no_harm_and_are_mostly_refused(void **state)
{
    (void) state;
    each_file("malformed", must_be_borne);
    print_message("# malformed: %u files, %u refused\n", files, refused);
    assert_true(refused * 10 >= files * 9);
}

int main(void)
{
    DIR *dir = opendir(corpus());
    if (dir == NULL) {
        printf("1..0 # SKIP no corpus at %s\n", corpus());
        return 0;
    }
    closedir(dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_valid_message_is_accepted),
        cmocka_unit_test(malformed_messages_do_no_harm_and_are_mostly_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
