#include "cloud/iam_schema.h"

#include "cloud/rest_words.h"

REST_SCHEMA(expr, "Expr", "A condition.", REST_TEXT("expression"), REST_TEXT("title"), REST_TEXT("description"),
            REST_TEXT("location"));
REST_SCHEMA(binding, "Binding", "Who has a role.", REST_TEXT("role"), REST_TEXTS("members"),
            REST_OBJECT("condition", expr));
REST_SCHEMA(audit_log, "AuditLogConfig", "What is logged, and for whom not.", REST_TEXT("logType"),
            REST_TEXTS("exemptedMembers"));
REST_SCHEMA(audit, "AuditConfig", "What of a service is logged.", REST_TEXT("service"),
            REST_OBJECTS("auditLogConfigs", audit_log));
REST_SHARED_SCHEMA(cloud_rest_policy, "Policy", "Who may do what.", REST_SMALL("version"), REST_OBJECTS("bindings", binding),
            REST_OBJECTS("auditConfigs", audit), REST_OCTETS("etag"));
REST_SHARED_SCHEMA(cloud_rest_set_policy, "SetIamPolicyRequest", "A policy and what of it changes.", REST_OBJECT("policy", cloud_rest_policy),
            REST_TEXT("updateMask"));
REST_SHARED_SCHEMA(cloud_rest_test_request, "TestIamPermissionsRequest", "What is asked for.", REST_TEXTS("permissions"));
REST_SHARED_SCHEMA(cloud_rest_test_response, "TestIamPermissionsResponse", "What of it is there.", REST_TEXTS("permissions"));
