#include "fake_cold.h"

#include "fake_clock.h"

#include "auth/adc.h"
#include "auth/jwt.h"
#include "auth/token.h"
#include "base/b64.h"
#include "json/doc.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

static struct loop *loop;
static struct auth_source *source;
static struct auth_watcher watcher;
static unsigned heard;
static uint32_t heard_gen;
static struct err heard_err;
static char folder[] = "/tmp/hl7relay-auth-XXXXXX";
static struct buf pem, json_pem, path;
static EVP_PKEY *key;

static void on_token(struct auth_watcher *w, uint32_t gen, const struct err *err)
{
    assert_ptr_equal(w, &watcher);
    heard++;
    heard_gen = gen;
    heard_err = *err;
}

static const char *write_file(const char *name, const char *text, mode_t mode)
{
    buf_clear(&path);
    buf_printf(&path, "%s/%s", folder, name);
    unlink(buf_str(&path));
    FILE *f = fopen(buf_str(&path), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(buf_str(&path), mode), 0);
    return buf_str(&path);
}

static void make_source(const struct auth_conf *conf)
{
    struct err err;
    source = auth_source_make(loop, (struct http_cold *) &heard, conf, &err);
    if (source == NULL)
        fail_msg("%s", err.text);
    watcher = (struct auth_watcher) { .fn = on_token };
    auth_watch(source, &watcher);
}

static const char *key_file(const char *more)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    buf_printf(&text, "{\"type\":\"service_account\",\"client_email\":\"relay@p.iam.gserviceaccount.com\","
                      "\"private_key_id\":\"k1\",\"private_key\":\"%s\"%s}", buf_str(&json_pem), more);
    return write_file("key.json", buf_str(&text), 0600);
}

static int make_key(void **state)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *at;
    (void) state;
    assert_non_null(mkdtemp(folder));
    key = EVP_RSA_gen(2048);
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(bio, &at);
    buf_append(&pem, bytes_of(at, (size_t) len));
    BIO_free(bio);
    for (size_t i = 0; i < pem.len; i++) {
        if (pem.ptr[i] == '\n')
            buf_append_str(&json_pem, "\\n");
        else
            buf_append_char(&json_pem, pem.ptr[i]);
    }
    return 0;
}

static int drop_key(void **state)
{
    static const char *const files[] = { "key.json", "user.json", "token", "run", "x.json", "sub" };
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        buf_clear(&path);
        buf_printf(&path, "%s/%s", folder, files[i]);
        unlink(buf_str(&path));
    }
    rmdir(folder);
    EVP_PKEY_free(key);
    buf_fini(&pem);
    buf_fini(&json_pem);
    buf_fini(&path);
    buf_fini(&fake_cold.body);
    return 0;
}

static int setup(void **state)
{
    struct err err;
    (void) state;
    loop = loop_make(&err);
    fake_pass(loop, 0);
    source = NULL;
    heard = 0;
    return 0;
}

static int teardown(void **state)
{
    (void) state;
    if (source != NULL) {
        auth_unwatch(source, &watcher);
        auth_source_free(source);
    }
    loop_free(loop);
    return 0;
}

static void an_emulator_needs_no_token(void **state)
{
    struct auth_conf conf = { .kind = AUTH_NONE };
    (void) state;
    make_source(&conf);
    auth_refresh(source, 0);
    assert_int_equal(heard, 0);
    fake_pass(loop, 0);
    assert_int_equal(heard, 1);
    assert_int_equal(heard_err.class, ERR_OK);
    assert_int_equal(auth_token_now(source).bearer.len, 0);
}

static struct json_doc *part(struct bytes text)
{
    CLEANUP(buf_fini) struct buf plain = { 0 };
    struct err err;
    assert_true(b64_decode(text, &plain));
    struct json_doc *d = json_doc_parse(buf_bytes(&plain), &err);
    assert_non_null(d);
    return d;
}

static void check_signature(struct bytes text, struct bytes signature)
{
    CLEANUP(buf_fini) struct buf plain = { 0 };
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    assert_true(b64_decode(signature, &plain));
    assert_int_equal(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(md, (unsigned char *) plain.ptr, plain.len, (const unsigned char *) text.ptr,
                                      text.len), 1);
    EVP_MD_CTX_free(md);
}

static void a_key_signs_its_own_token(void **state)
{
    struct auth_conf conf = { .kind = AUTH_SERVICE_ACCOUNT, .path = key_file(",\"quota_project_id\":\"bill\"") };
    (void) state;
    make_source(&conf);
    assert_string_equal(auth_source_account(source), "relay@p.iam.gserviceaccount.com");
    assert_bytes_equal(auth_source_quota_project(source), "bill");
    auth_refresh(source, 0);
    fake_pass(loop, 0);
    assert_int_equal(heard_err.class, ERR_OK);
    struct auth_token t = auth_token_now(source);
    assert_int_equal(t.gen, 1);
    assert_int_equal(t.ends_us, fake_now + 3600 * US_PER_S);
    struct bytes rest = t.bearer, header = bytes_cut(&rest, '.'), claims = bytes_cut(&rest, '.');
    check_signature(bytes_of(t.bearer.ptr, header.len + 1 + claims.len), rest);
    CLEANUP(json_doc_free_ptr) struct json_doc *h = part(header), *c = part(claims);
    const struct json_node *hn = json_doc_root(h), *cn = json_doc_root(c);
    assert_string_equal(json_doc_str(json_doc_get(hn, "alg"), ""), "RS256");
    assert_string_equal(json_doc_str(json_doc_get(hn, "kid"), ""), "k1");
    assert_string_equal(json_doc_str(json_doc_get(cn, "iss"), ""), "relay@p.iam.gserviceaccount.com");
    assert_string_equal(json_doc_str(json_doc_get(cn, "sub"), ""), "relay@p.iam.gserviceaccount.com");
    assert_string_equal(json_doc_str(json_doc_get(cn, "scope"), ""), "https://www.googleapis.com/auth/cloud-platform");
    assert_int_equal(json_doc_kind(json_doc_get(cn, "aud")), JSON_NONE);
    int64_t iat = (int64_t) json_doc_number(json_doc_get(cn, "iat"), 0);
    assert_int_equal(iat, 1700000000 + fake_now / US_PER_S);
    assert_int_equal((int64_t) json_doc_number(json_doc_get(cn, "exp"), 0) - iat, 3600);
}

static void with_an_audience_there_is_no_scope(void **state)
{
    struct auth_conf conf = { .kind = AUTH_SERVICE_ACCOUNT, .path = key_file(""),
                              .audience = "https://pubsub.googleapis.com/" };
    (void) state;
    make_source(&conf);
    auth_refresh(source, 0);
    fake_pass(loop, 0);
    struct bytes rest = auth_token_now(source).bearer;
    bytes_cut(&rest, '.');
    CLEANUP(json_doc_free_ptr) struct json_doc *c = part(bytes_cut(&rest, '.'));
    assert_string_equal(json_doc_str(json_doc_get(json_doc_root(c), "aud"), ""), "https://pubsub.googleapis.com/");
    assert_int_equal(json_doc_kind(json_doc_get(json_doc_root(c), "scope")), JSON_NONE);
}

static void one_refresh_for_all_who_ask(void **state)
{
    struct auth_conf conf = { .kind = AUTH_SERVICE_ACCOUNT, .path = key_file(""), .exchange = true };
    unsigned before = fake_colds;
    (void) state;
    make_source(&conf);
    for (int i = 0; i < 1000; i++)
        auth_refresh(source, 0);
    assert_int_equal(fake_colds, before + 1);
    assert_string_equal(fake_cold.url, "https://oauth2.googleapis.com/token");
    assert_non_null(strstr(buf_str(&fake_cold.body), "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&"));
    fake_cold_reply(200, "", "{\"access_token\":\"t1\",\"expires_in\":3599,\"token_type\":\"Bearer\"}");
    fake_pass(loop, 0);
    assert_int_equal(heard, 1);
    assert_int_equal(heard_gen, 1);
    assert_bytes_equal(auth_token_now(source).bearer, "t1");
    /* stragglers with the old generation are told of the new one, without a call */
    auth_refresh(source, 0);
    fake_pass(loop, 0);
    assert_int_equal(heard, 2);
    assert_int_equal(fake_colds, before + 1);
    auth_refresh(source, 1);
    assert_int_equal(fake_colds, before + 2);
    fake_cold_reply(200, "", "{\"access_token\":\"t2\",\"expires_in\":3599}");
    assert_int_equal(auth_token_now(source).gen, 2);
}

static void it_refreshes_by_itself_and_keeps_the_old_one(void **state)
{
    struct auth_conf conf = { .kind = AUTH_METADATA, .metadata_host = "127.0.0.1:9" };
    (void) state;
    make_source(&conf);
    auth_refresh(source, 0);
    assert_string_equal(fake_cold.url, "http://127.0.0.1:9/computeMetadata/v1/instance/service-accounts/default/token"
                                       "?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform");
    assert_string_equal(fake_cold.header, "Metadata-Flavor: Google");
    assert_true(fake_cold.no_proxy);
    fake_cold_reply(200, "Google", "{\"access_token\":\"a\",\"expires_in\":1000}");
    unsigned before = fake_colds;
    fake_pass(loop, 774 * US_PER_S);
    assert_int_equal(fake_colds, before);
    fake_pass(loop, US_PER_S);
    assert_int_equal(fake_colds, before + 1);
    fake_cold_fails(ERR_TIMEOUT);
    fake_pass(loop, 0);
    assert_int_equal(heard_err.class, ERR_TIMEOUT);
    assert_bytes_equal(auth_token_now(source).bearer, "a");
    fake_pass(loop, 30 * US_PER_S);
    assert_int_equal(fake_colds, before + 2);
    fake_cold_fails(ERR_TIMEOUT);
    fake_pass(loop, 195 * US_PER_S);
    /* its hard end */
    assert_int_equal(auth_token_now(source).bearer.len, 0);
    assert_int_equal(auth_token_now(source).gen, 1);
    fake_cold_reply(200, "Google", "{\"access_token\":\"b\",\"expires_in\":10}");
    assert_int_equal(auth_token_now(source).gen, 2);
    /* nearly over already: not asked for in a circle */
    before = fake_colds;
    fake_pass(loop, 29 * US_PER_S);
    assert_int_equal(fake_colds, before);
    fake_pass(loop, US_PER_S);
    assert_int_equal(fake_colds, before + 1);
}

static void bad_answers_are_classified(void **state)
{
    static const struct {
        uint16_t status;
        const char *flavor, *body;
        enum err_class class;
    } rows[] = {
        { 200, "", "{\"access_token\":\"a\",\"expires_in\":1000}", ERR_NOT_API },
        { 200, "Google", "{\"expires_in\":1000}", ERR_BAD_REPLY },
        { 200, "Google", "{\"access_token\":\"a\"}", ERR_BAD_REPLY },
        { 200, "Google", "{\"access_token\":\"a b\",\"expires_in\":1000}", ERR_BAD_REPLY },
        { 200, "Google", "{\"access_token\":\"a\tb\",\"expires_in\":1000}", ERR_BAD_REPLY },
        { 200, "Google", "{\"access_token\":\"a\",\"expires_in\":0}", ERR_BAD_REPLY },
        { 200, "Google", "<html>", ERR_BAD_REPLY },
        { 400, "Google", "{\"error\":\"invalid_grant\",\"error_description\":\"SECRET\"}", ERR_UNAUTHENTICATED },
        { 400, "Google", "{\"error\":\"SECRET\"}", ERR_NOT_API },
        { 404, "Google", "<html>SECRET", ERR_NOT_API },
        { 403, "Google", "", ERR_FORBIDDEN },
        { 429, "Google", "", ERR_THROTTLED },
        { 503, "Google", "", ERR_TRANSIENT },
        { 302, "Google", "", ERR_REDIRECTED },
    };
    struct auth_conf conf = { .kind = AUTH_METADATA };
    (void) state;
    make_source(&conf);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auth_refresh(source, 0);
        fake_cold_reply(rows[i].status, rows[i].flavor, rows[i].body);
        fake_pass(loop, 0);
        if (heard_err.class != rows[i].class)
            fail_msg("row %zu: %s", i, err_name(heard_err.class));
        assert_null(strstr(heard_err.text, "SECRET"));
        assert_int_equal(auth_token_now(source).gen, 0);
    }
}

static void a_user_brings_a_refresh_token(void **state)
{
    struct auth_conf conf = { .kind = AUTH_AUTHORIZED_USER, .quota_project = "other" };
    (void) state;
    conf.path = write_file("user.json", "{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"s&\","
                                        "\"refresh_token\":\"1//r\",\"quota_project_id\":\"bill\"}", 0600);
    make_source(&conf);
    assert_bytes_equal(auth_source_quota_project(source), "other");
    auth_refresh(source, 0);
    assert_string_equal(buf_str(&fake_cold.body),
                        "grant_type=refresh_token&client_id=i&client_secret=s%26&refresh_token=1%2F%2Fr");
    fake_cold_reply(200, "", "{\"access_token\":\"u\",\"expires_in\":3599}");
    assert_bytes_equal(auth_token_now(source).bearer, "u");
}

#define IAM(email) "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/" email ":generateAccessToken"

static void it_acts_as_another_account(void **state)
{
    struct auth_conf conf = { .kind = AUTH_METADATA, .impersonate = "relay@p.iam.gserviceaccount.com" };
    (void) state;
    make_source(&conf);
    assert_string_equal(auth_source_account(source), "relay@p.iam.gserviceaccount.com");
    auth_refresh(source, 0);
    assert_non_null(strstr(fake_cold.url, "/computeMetadata/"));
    fake_cold_reply(200, "Google", "{\"access_token\":\"own\",\"expires_in\":3599}");
    fake_pass(loop, 0);
    assert_string_equal(fake_cold.url, IAM("relay@p.iam.gserviceaccount.com"));
    assert_string_equal(fake_cold.header, "Authorization: Bearer own");
    assert_string_equal(buf_str(&fake_cold.body), "{\"scope\":[\"https://www.googleapis.com/auth/cloud-platform\"],\"lifetime\":\"3600s\"}");
    assert_int_equal(heard, 0);
    /* 1700000000 is 2023-11-14T22:13:20Z; the clock of the test stands at 1,000 s and more */
    fake_cold_reply(200, "", "{\"accessToken\":\"theirs\",\"expireTime\":\"2023-11-14T23:30:00Z\"}");
    fake_pass(loop, 0);
    assert_int_equal(heard_err.class, ERR_OK);
    assert_bytes_equal(auth_token_now(source).bearer, "theirs");
    assert_true(auth_token_now(source).ends_us > fake_now && auth_token_now(source).ends_us <= fake_now + 4600 * US_PER_S);
    /* refused by the far side: a new one, with our own as it is */
    unsigned before = fake_colds;
    auth_refresh(source, 1);
    assert_int_equal(fake_colds, before + 1);
    assert_string_equal(fake_cold.url, IAM("relay@p.iam.gserviceaccount.com"));
    fake_cold_reply(401, "", "SECRET");
    fake_pass(loop, 0);
    assert_int_equal(heard_err.class, ERR_UNAUTHENTICATED);
    assert_null(strstr(heard_err.text, "SECRET"));
    /* our own was not accepted: asked anew, and then it goes on */
    auth_refresh(source, 1);
    assert_non_null(strstr(fake_cold.url, "/computeMetadata/"));
    fake_cold_reply(200, "Google", "{\"access_token\":\"own2\",\"expires_in\":3599}");
    fake_pass(loop, 0);
    assert_string_equal(fake_cold.header, "Authorization: Bearer own2");
    fake_cold_reply(200, "", "{\"accessToken\":\"theirs2\",\"expireTime\":\"2023-11-14T23:30:00Z\"}");
    assert_bytes_equal(auth_token_now(source).bearer, "theirs2");
    /* no token of our own: said as it is */
    auth_refresh(source, 2);
    fake_cold_reply(401, "", "");
    auth_refresh(source, 2);
    fake_cold_fails(ERR_TIMEOUT);
    fake_pass(loop, 0);
    assert_int_equal(heard_err.class, ERR_TIMEOUT);
}

static void a_file_may_name_whom_to_act_as(void **state)
{
    CLEANUP(buf_fini) struct buf text = { 0 };
    struct auth_conf conf = { .kind = AUTH_IMPERSONATED };
    (void) state;
    buf_printf(&text, "{\"type\":\"impersonated_service_account\",\"service_account_impersonation_url\":\"" IAM("a@b.iam.gserviceaccount.com")
               "\",\"delegates\":[\"projects/-/serviceAccounts/c@d.iam.gserviceaccount.com\"],\"source_credentials\":"
               "{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"s\",\"refresh_token\":\"r\"}}");
    conf.path = write_file("user.json", buf_str(&text), 0600);
    make_source(&conf);
    assert_int_equal(auth_source_kind(source), AUTH_IMPERSONATED);
    auth_refresh(source, 0);
    assert_string_equal(buf_str(&fake_cold.body), "grant_type=refresh_token&client_id=i&client_secret=s&refresh_token=r");
    fake_cold_reply(200, "", "{\"access_token\":\"u\",\"expires_in\":3599}");
    fake_pass(loop, 0);
    assert_string_equal(fake_cold.url, IAM("a@b.iam.gserviceaccount.com"));
    assert_string_equal(buf_str(&fake_cold.body), "{\"delegates\":[\"projects/-/serviceAccounts/c@d.iam.gserviceaccount.com\"],"
                        "\"scope\":[\"https://www.googleapis.com/auth/cloud-platform\"],\"lifetime\":\"3600s\"}");
    static const struct {
        uint16_t status;
        const char *body;
        enum err_class class;
    } rows[] = {
        { 403, "SECRET", ERR_FORBIDDEN }, { 404, "SECRET", ERR_FORBIDDEN }, { 429, "", ERR_THROTTLED }, { 503, "", ERR_TRANSIENT },
        { 302, "", ERR_REDIRECTED }, { 400, "SECRET", ERR_NOT_API }, { 200, "{}", ERR_BAD_REPLY }, { 200, "<html>", ERR_BAD_REPLY },
        { 200, "{\"accessToken\":\"t\",\"expireTime\":\"soon\"}", ERR_BAD_REPLY },
        { 200, "{\"accessToken\":\"t\",\"expireTime\":\"2020-01-01T00:00:00Z\"}", ERR_BAD_REPLY },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fake_cold_reply(rows[i].status, "", rows[i].body);
        fake_pass(loop, 0);
        if (heard_err.class != rows[i].class)
            fail_msg("row %zu: %s", i, err_name(heard_err.class));
        assert_null(strstr(heard_err.text, "SECRET"));
        auth_refresh(source, 0);
    }
}

static void whom_to_act_as_is_checked(void **state)
{
    static const char *const urls[] = {
        "", "https://evil.example/v1/projects/-/serviceAccounts/a@b.c:generateAccessToken",
        "https://iamcredentials.googleapis.com.evil.example/v1/projects/-/serviceAccounts/a@b.c:generateAccessToken",
        "http://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b.c:generateAccessToken",
        IAM("a"), IAM("a@"), IAM("a@b/../x"), IAM("a@b?x=y"), IAM("a@b@c"),
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b.c:signBlob",
    };
    static const char *const emails[] = { "a", "@b", "a@", "a b@c", "a@b:generateIdToken?", "a@b\r\nX: y" };
    struct err err;
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        CLEANUP(buf_fini) struct buf text = { 0 };
        struct auth_conf conf = { .kind = AUTH_IMPERSONATED };
        buf_printf(&text, "{\"type\":\"impersonated_service_account\",\"service_account_impersonation_url\":\"%s\",\"source_credentials\":"
                   "{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"s\",\"refresh_token\":\"r\"}}", urls[i]);
        conf.path = write_file("user.json", buf_str(&text), 0600);
        if (auth_source_make(loop, NULL, &conf, &err) != NULL)
            fail_msg("taken: %s", urls[i]);
        assert_int_equal(err.class, ERR_CONFIG);
    }
    for (size_t i = 0; i < ARRAY_LEN(emails); i++) {
        struct auth_conf conf = { .kind = AUTH_METADATA, .impersonate = emails[i] };
        if (auth_source_make(loop, NULL, &conf, &err) != NULL)
            fail_msg("taken: %s", emails[i]);
        assert_int_equal(err.class, ERR_CONFIG);
    }
    /* of a kind within that is not allowed */
    struct auth_env env = { 0 };
    struct auth_found found;
    env.credentials = write_file("user.json", "{\"type\":\"impersonated_service_account\",\"source_credentials\":{\"type\":\"authorized_user\"}}", 0600);
    assert_false(auth_adc_find(&env, "auto", 1u << AUTH_IMPERSONATED | 1u << AUTH_SERVICE_ACCOUNT, &found, &err));
    assert_non_null(strstr(err.text, "authorized_user"));
    assert_true(auth_adc_find(&env, "auto", 0, &found, &err));
    assert_int_equal(found.conf.kind, AUTH_IMPERSONATED);
    auth_found_fini(&found);
    env.credentials = write_file("user.json", "{\"type\":\"impersonated_service_account\",\"source_credentials\":{\"type\":\"external_account\"}}", 0600);
    assert_false(auth_adc_find(&env, "auto", 0, &found, &err));
}

static void a_token_file_is_read_again(void **state)
{
    struct auth_conf conf = { .kind = AUTH_TOKEN_FILE };
    (void) state;
    conf.path = write_file("token", "one\n", 0600);
    make_source(&conf);
    auth_refresh(source, 0);
    fake_pass(loop, 0);
    assert_bytes_equal(auth_token_now(source).bearer, "one");
    /* refused by the far side, and the file has no other: that is said, not taken for new */
    auth_refresh(source, 1);
    fake_pass(loop, 0);
    assert_int_equal(heard_err.class, ERR_UNAUTHENTICATED);
    assert_int_equal(heard_gen, 1);
    write_file("token", "two\n", 0600);
    fake_pass(loop, 300 * US_PER_S);
    assert_bytes_equal(auth_token_now(source).bearer, "two");
    assert_int_equal(heard_gen, 2);
    write_file("token", "three\n", 0644);
    auth_refresh(source, 2);
    fake_pass(loop, 0);
    assert_int_equal(heard_err.class, ERR_CONFIG);
    assert_bytes_equal(auth_token_now(source).bearer, "two");
}

static void run_command(const char *script)
{
    CLEANUP(buf_fini) struct buf line = { 0 };
    struct auth_conf conf = { .kind = AUTH_TOKEN_COMMAND };
    buf_printf(&line, "/bin/sh %s", write_file("run", script, 0600));
    conf.path = buf_str(&line);
    make_source(&conf);
    auth_refresh(source, 0);
    for (int i = 0; i < 100 && heard == 0; i++)
        loop_pass(loop, 100 * US_PER_MS);
    assert_int_equal(heard, 1);
}

static void a_command_prints_a_token(void **state)
{
    (void) state;
    run_command("echo ya29.token\n");
    assert_int_equal(heard_err.class, ERR_OK);
    assert_bytes_equal(auth_token_now(source).bearer, "ya29.token");
}

static void a_command_that_fails_brings_none(void **state)
{
    (void) state;
    run_command("echo half; exit 3\n");
    assert_int_equal(heard_err.class, ERR_UNAUTHENTICATED);
    assert_int_equal(auth_token_now(source).gen, 0);
    assert_null(strstr(heard_err.text, "half"));
}

static void files_that_are_wrong_are_refused(void **state)
{
    static const struct {
        const char *text;
        mode_t mode;
        enum auth_kind kind;
    } rows[] = {
        { "{\"type\":\"service_account\"}", 0600, AUTH_SERVICE_ACCOUNT },
        { "{\"type\":\"authorized_user\"}", 0600, AUTH_SERVICE_ACCOUNT },
        { "{\"type\":\"service_account\",\"client_email\":\"e\",\"private_key\":\"x\"}", 0600, AUTH_SERVICE_ACCOUNT },
        { "{\"type\":\"service_account\",\"universe_domain\":\"x.example\",\"client_email\":\"e\"}", 0600, AUTH_SERVICE_ACCOUNT },
        { "not json", 0600, AUTH_SERVICE_ACCOUNT },
        { "{\"type\":\"authorized_user\",\"client_id\":\"i\"}", 0600, AUTH_AUTHORIZED_USER },
        { "{}", 0644, AUTH_SERVICE_ACCOUNT },
        { "{}", 0602, AUTH_AUTHORIZED_USER },
    };
    struct err err;
    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct auth_conf conf = { .kind = rows[i].kind, .path = write_file("x.json", rows[i].text, rows[i].mode) };
        if (auth_source_make(loop, NULL, &conf, &err) != NULL)
            fail_msg("accepted: row %zu", i);
        assert_int_equal(err.class, ERR_CONFIG);
    }
    struct auth_conf gone = { .kind = AUTH_SERVICE_ACCOUNT, .path = "/nonexistent" };
    assert_null(auth_source_make(loop, NULL, &gone, &err));
    struct auth_conf plain = { .kind = AUTH_NONE, .token_url = "http://evil.example/token" };
    assert_null(auth_source_make(loop, NULL, &plain, &err));
    struct auth_conf host = { .kind = AUTH_METADATA, .metadata_host = "evil.example/x?" };
    assert_null(auth_source_make(loop, NULL, &host, &err));
}

static void weak_and_locked_keys_are_refused(void **state)
{
    struct err err;
    BIO *bio = BIO_new(BIO_s_mem());
    char *at;
    EVP_PKEY *small = EVP_RSA_gen(1024);
    (void) state;
    assert_int_equal(PEM_write_bio_PrivateKey(bio, small, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(bio, &at);
    assert_null(jwt_key_parse(bytes_of(at, (size_t) len), &err));
    EVP_PKEY_free(small);
    BIO_free(bio);
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, EVP_aes_128_cbc(), (unsigned char *) "pass", 4, NULL, NULL), 1);
    len = BIO_get_mem_data(bio, &at);
    assert_null(jwt_key_parse(bytes_of(at, (size_t) len), &err));
    assert_int_equal(err.class, ERR_CONFIG);
    BIO_free(bio);
}

static enum auth_kind found(const struct auth_env *env, const char *mode, unsigned allow, struct err *err)
{
    struct auth_found f;
    if (!auth_adc_find(env, mode, allow, &f, err))
        return AUTH_KINDS;
    enum auth_kind kind = f.conf.kind;
    auth_found_fini(&f);
    return kind;
}

static void credentials_are_searched_in_order(void **state)
{
    struct err err;
    struct auth_env env = { .home = "/nonexistent" };
    (void) state;
    assert_int_equal(found(&env, "auto", 0, &err), AUTH_METADATA);
    assert_int_equal(found(&env, "", 0, &err), AUTH_METADATA);
    assert_int_equal(found(&env, "none", 0, &err), AUTH_NONE);
    assert_int_equal(found(&env, "token_file:/x", 0, &err), AUTH_TOKEN_FILE);
    assert_int_equal(found(&env, "token_command:/x -y", 0, &err), AUTH_TOKEN_COMMAND);
    assert_int_equal(found(&env, "service_account", 0, &err), AUTH_KINDS);
    assert_int_equal(found(&env, "magic", 0, &err), AUTH_KINDS);
    assert_int_equal(found(&env, "auto", 1u << AUTH_SERVICE_ACCOUNT, &err), AUTH_KINDS);
    assert_int_equal(err.class, ERR_CONFIG);
    write_file("application_default_credentials.json", "{\"type\":\"authorized_user\"}", 0600);
    env.cloudsdk_config = folder;
    assert_int_equal(found(&env, "auto", 0, &err), AUTH_AUTHORIZED_USER);
    assert_int_equal(found(&env, "service_account", 0, &err), AUTH_KINDS);
    unlink(buf_str(&path));
    env.credentials = write_file("x.json", "{\"type\":\"service_account\"}", 0600);
    assert_int_equal(found(&env, "auto", 1u << AUTH_SERVICE_ACCOUNT, &err), AUTH_SERVICE_ACCOUNT);
    /* named and wrong: an error, no further search */
    env.credentials = "/nonexistent.json";
    assert_int_equal(found(&env, "auto", 0, &err), AUTH_KINDS);
    env.credentials = write_file("x.json", "{\"type\":\"external_account\"}", 0600);
    assert_int_equal(found(&env, "auto", 0, &err), AUTH_KINDS);
    assert_non_null(strstr(err.text, "not in this version"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_emulator_needs_no_token), T(a_key_signs_its_own_token), T(with_an_audience_there_is_no_scope),
        T(one_refresh_for_all_who_ask), T(it_refreshes_by_itself_and_keeps_the_old_one), T(bad_answers_are_classified),
        T(a_user_brings_a_refresh_token), T(it_acts_as_another_account), T(a_file_may_name_whom_to_act_as),
        T(whom_to_act_as_is_checked), T(a_token_file_is_read_again), T(a_command_prints_a_token),
        T(a_command_that_fails_brings_none), T(files_that_are_wrong_are_refused), T(weak_and_locked_keys_are_refused),
        T(credentials_are_searched_in_order),
    };
    return cmocka_run_group_tests(tests, make_key, drop_key);
}
