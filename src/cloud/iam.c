#include "cloud/iam.h"

#include "base/sha256.h"
#include "cloud/parts.h"
#include "cloud/proto_wire.h"

/* google/iam/v1/policy.proto: message Policy, message Binding */
enum { P_VERSION = 1, P_ETAG = 3, P_BINDING = 4, P_AUDIT = 6 };
enum { B_ROLE = 1, B_MEMBER = 2, B_CONDITION = 3 };

/* Documented: principals in all bindings of a policy. Permissions of one test: our own bound. */
enum { MEMBERS_MAX = 1500, PERMISSIONS_MAX = 1000 };

/* What Google answers for a resource that never had a policy ("ACAB" in JSON). */
static const char no_policy_etag[] = "\x00\x20\x01";

static bool refuse(struct err *err, enum grpc_code code, const char *sentence)
{
    FAIL(err, REFUSED, "%s", sentence);
    err->grpc = code;
    return false;
}

static bool disk_failed(struct err *err)
{
    return refuse(err, GRPC_UNAVAILABLE, "The local cloud's disk failed; nothing was changed. Please try again.");
}

/* Empty: there is none. False: the disk. Owned by out, for the database's own answer is borrowed. */
static bool stored_policy(struct cloud *c, struct bytes resource, bool latest, struct buf *out)
{
    struct bytes value;
    enum cloud_db_found found = latest ? cloud_db_get_latest(c->db, CLOUD_DB_IAM, resource, &value)
                                       : cloud_db_get(c->db, CLOUD_DB_IAM, resource, &value);
    if (found == CLOUD_DB_FOUND)
        buf_append(out, value);
    return found != CLOUD_DB_FAILED;
}

static bool has_condition(struct bytes policy)
{
    struct cloud_wire w = cloud_wire_of(policy);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f))
        if (f.number == P_BINDING && cloud_wire_find(f.octets, B_CONDITION).ptr != NULL)
            return true;
    return false;
}

/* A conditional binding as those see it who did not ask for version 3: a role of its own, without the condition. */
static void put_hidden_binding(struct buf *out, struct bytes binding)
{
    CLEANUP(buf_fini) struct buf plain = { 0 }, role = { 0 };
    struct sha256 digest = sha256_of(cloud_wire_find(binding, B_CONDITION));
    struct cloud_wire w = cloud_wire_of(binding);
    struct cloud_wire_field f;
    buf_append(&role, cloud_wire_find(binding, B_ROLE));
    buf_append_str(&role, "_withcond_");
    for (int i = 0; i < 10; i++)
        buf_printf(&role, "%02x", digest.octet[i]);
    cloud_wire_put_text(&plain, B_ROLE, buf_bytes(&role));
    while (cloud_wire_next(&w, &f))
        if (f.number == B_MEMBER)
            cloud_wire_put_bytes(&plain, B_MEMBER, f.octets);
    cloud_wire_put_bytes(out, P_BINDING, buf_bytes(&plain));
}

/* The policy as it is answered to one who asked for that version. */
static void write_policy(struct bytes policy, uint64_t requested, struct buf *out)
{
    bool conditional = has_condition(policy);
    if (policy.len == 0) {
        cloud_wire_put_bytes(out, P_ETAG, bytes_of(no_policy_etag, sizeof(no_policy_etag) - 1));
        return;
    }
    cloud_wire_put_uint(out, P_VERSION, conditional && requested >= 3 ? 3 : 1);
    struct cloud_wire w = cloud_wire_of(policy);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f)) {
        if (f.type != CLOUD_WIRE_LEN)
            continue;
        bool hidden = f.number == P_BINDING && requested < 3 && cloud_wire_find(f.octets, B_CONDITION).ptr != NULL;
        if (hidden)
            put_hidden_binding(out, f.octets);
        else
            cloud_wire_put_bytes(out, f.number, f.octets);
    }
}

static bool version_ok(uint64_t version)
{
    return version == 0 || version == 1 || version == 3;
}

/* GetIamPolicyRequest{ resource = 1; options = 2 { requested_policy_version = 1 } } */
bool cloud_iam_get(struct cloud *c, struct bytes request, struct buf *policy, struct err *err)
{
    uint64_t version = cloud_wire_find_uint(cloud_wire_find(request, 2), 1);
    CLEANUP(buf_fini) struct buf stored = { 0 };
    if (!version_ok(version))
        return refuse(err, GRPC_INVALID_ARGUMENT, "requested_policy_version must be 0, 1 or 3.");
    if (!stored_policy(c, cloud_wire_find(request, 1), false, &stored))
        return disk_failed(err);
    write_policy(buf_bytes(&stored), version, policy);
    return true;
}

/* --- setting --- */

static bool member_ok(struct bytes member)
{
    static const char *const kinds[] = {
        "user:", "serviceAccount:", "group:", "domain:", "deleted:", "projectOwner:", "projectEditor:",
        "projectViewer:", "principal://", "principalSet://"
    };
    if (bytes_eq_str(member, "allUsers") || bytes_eq_str(member, "allAuthenticatedUsers"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (bytes_starts(member, bytes_str(kinds[i])) && member.len > strlen(kinds[i]))
            return true;
    return false;
}

static bool role_ok(struct bytes role)
{
    return bytes_starts(role, BYTES_LIT("roles/"))
           || ((bytes_starts(role, BYTES_LIT("projects/")) || bytes_starts(role, BYTES_LIT("organizations/")))
               && memmem(role.ptr, role.len, "/roles/", sizeof("/roles/") - 1) != NULL);
}

static bool check_binding(struct bytes binding, size_t *members, struct err *err)
{
    if (!role_ok(cloud_wire_find(binding, B_ROLE)))
        return refuse(err, GRPC_INVALID_ARGUMENT, "A binding's role must be roles/NAME, or one of a project or "
                      "an organization.");
    struct cloud_wire w = cloud_wire_of(binding);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f)) {
        if (f.number == B_MEMBER && !member_ok(f.octets))
            return refuse(err, GRPC_INVALID_ARGUMENT, "A member of a binding is none that IAM knows: write it as "
                          "user:NAME, serviceAccount:NAME, group:NAME, domain:NAME, allUsers or the like.");
        if (f.number == B_MEMBER && ++*members > MEMBERS_MAX)
            return refuse(err, GRPC_INVALID_ARGUMENT, "A policy may have at most 1500 members.");
        if (f.number == B_CONDITION && cloud_wire_find(f.octets, 1).len == 0)
            return refuse(err, GRPC_INVALID_ARGUMENT, "A condition must have an expression.");
    }
    return w.broken ? refuse(err, GRPC_INVALID_ARGUMENT, "A binding is not a sound protobuf message.") : true;
}

static bool check_policy(struct bytes policy, struct err *err)
{
    size_t members = 0;
    uint64_t version = cloud_wire_find_uint(policy, P_VERSION);
    struct cloud_wire w = cloud_wire_of(policy);
    struct cloud_wire_field f;
    if (!version_ok(version))
        return refuse(err, GRPC_INVALID_ARGUMENT, "The version of a policy must be 0, 1 or 3.");
    if (version < 3 && has_condition(policy))
        return refuse(err, GRPC_INVALID_ARGUMENT, "A policy with conditions must have version 3.");
    while (cloud_wire_next(&w, &f))
        if (f.number == P_BINDING)
            TRY(check_binding(f.octets, &members, err));
    return w.broken ? refuse(err, GRPC_INVALID_ARGUMENT, "The policy is not a sound protobuf message.") : true;
}

static bool mask_names(struct bytes mask, const char *path, const char *camel)
{
    struct cloud_wire w = cloud_wire_of(mask);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f))
        if (bytes_eq_str(f.octets, path) || bytes_eq_str(f.octets, camel))
            return true;
    return false;
}

/* Both etags that a policy may be set over: its own, or none at all. */
static bool etag_ok(struct bytes given, struct bytes stored)
{
    struct bytes of_none = bytes_of(no_policy_etag, sizeof(no_policy_etag) - 1);
    return given.len == 0 || bytes_eq(given, stored.len > 0 ? cloud_wire_find(stored, P_ETAG) : of_none);
}

static void put_all(struct buf *out, struct bytes policy, uint32_t number)
{
    struct cloud_wire w = cloud_wire_of(policy);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f))
        if (f.number == number && f.type == CLOUD_WIRE_LEN)
            cloud_wire_put_bytes(out, number, f.octets);
}

/* SetIamPolicyRequest{ resource = 1; policy = 2; update_mask = 3 }: the mask is "bindings, etag" unless it is given. */
bool cloud_iam_set(struct cloud *c, struct cloud_db_write *w, struct bytes request, struct buf *policy,
                   struct err *err)
{
    struct bytes resource = cloud_wire_find(request, 1), given = cloud_wire_find(request, 2);
    struct bytes mask = cloud_wire_find(request, 3);
    CLEANUP(buf_fini) struct buf old = { 0 }, new = { 0 }, etag = { 0 };
    if (given.ptr == NULL)
        return refuse(err, GRPC_INVALID_ARGUMENT, "The policy in the SetIamPolicyRequest must be set.");
    TRY(check_policy(given, err));
    if (!stored_policy(c, resource, true, &old))
        return disk_failed(err);
    if (!etag_ok(cloud_wire_find(given, P_ETAG), buf_bytes(&old)))
        return refuse(err, GRPC_ABORTED, "There were concurrent policy changes. Please retry the whole "
                      "read-modify-write with exponential backoff.");
    bool bindings = mask.len == 0 || mask_names(mask, "bindings", "bindings");
    bool audit = mask_names(mask, "audit_configs", "auditConfigs");
    uint64_t stamp = (uint64_t) loop_wall(c->loop), last = cloud_db_read_u64(cloud_wire_find(buf_bytes(&old), P_ETAG));
    cloud_db_key_u64(&etag, MAX(stamp, last + 1));
    put_all(&new, bindings ? given : buf_bytes(&old), P_BINDING);
    put_all(&new, audit ? given : buf_bytes(&old), P_AUDIT);
    cloud_wire_put_bytes(&new, P_ETAG, buf_bytes(&etag));
    cloud_db_put(w, CLOUD_DB_IAM, resource, buf_bytes(&new));
    write_policy(buf_bytes(&new), 3, policy);
    return true;
}

/* TestIamPermissionsRequest{ resource = 1; permissions = 2 }, response{ permissions = 1 } */
bool cloud_iam_test(struct bytes request, struct buf *response, struct err *err)
{
    size_t count = 0;
    struct cloud_wire w = cloud_wire_of(request);
    struct cloud_wire_field f;
    while (cloud_wire_next(&w, &f)) {
        if (f.number != 2 || f.type != CLOUD_WIRE_LEN)
            continue;
        size_t first = bytes_find(f.octets, 0, '.');
        if (first == 0 || bytes_find(f.octets, first + 1, '.') + 1 >= f.octets.len
            || bytes_find(f.octets, 0, '*') < f.octets.len || f.octets.len > 256)
            return refuse(err, GRPC_INVALID_ARGUMENT, "A permission must be written as service.resource.verb, "
                          "without wildcards.");
        if (++count > PERMISSIONS_MAX)
            return refuse(err, GRPC_INVALID_ARGUMENT, "At most 1000 permissions can be tested at once.");
        cloud_wire_put_text(response, 1, f.octets);
    }
    return true;
}

void cloud_iam_erase(struct cloud_db_write *w, struct bytes resource)
{
    CLEANUP(buf_fini) struct buf beneath = { 0 };
    buf_append(&beneath, resource);
    buf_append_char(&beneath, '/');
    cloud_db_erase(w, CLOUD_DB_IAM, resource);
    cloud_db_erase_prefix(w, CLOUD_DB_IAM, buf_bytes(&beneath));
}
