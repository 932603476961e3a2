/*
 * `hl7relay emulate env-init`: variables on stdout, for eval; on stderr the line of code for clients that read no
 * variable. Most of it was seen with the clients themselves; Ruby, PHP, C++, .NET and Spring are by their documentation.
 */
#include "cmd/emulate.h"

#include "cmd/print.h"
#include "net/host_port.h"

#include <stdio.h>

/* '@' stands for HOST:PORT. */
static const char clear_exports[] =
    "export PUBSUB_EMULATOR_HOST=@\n"
    "export HEALTHCARE_EMULATOR_HOST=@\n"
    "export METADATA_SERVER_DETECTION=none\n"
    "export CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=http://@/\n"
    "export CLOUDSDK_API_ENDPOINT_OVERRIDES_HEALTHCARE=http://@/\n"
    "export CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=\"$(f=$(mktemp) && echo any-token > \"$f\" && echo \"$f\")\"\n";

static const char clear_talk[] =
    "# Read from these variables:\n"
    "#   gcloud    everything: the endpoints, and a file with any token\n"
    "#   hl7relay  PUBSUB_EMULATOR_HOST and HEALTHCARE_EMULATOR_HOST (which is its own: no Google client reads it);\n"
    "#             in a configuration: \"pubsub_endpoint\": \"http://@\", \"healthcare_endpoint\": \"http://@\"\n"
    "#   Pub/Sub   Go, Python, Node, Ruby, PHP, C++: PUBSUB_EMULATOR_HOST\n"
    "# A line of code:\n"
    "#   Pub/Sub\n"
    "#     Java    TransportChannelProvider channel = FixedTransportChannelProvider.create(GrpcTransportChannel.create(\n"
    "#               ManagedChannelBuilder.forTarget(\"@\").usePlaintext().build()));\n"
    "#             .setChannelProvider(channel).setCredentialsProvider(NoCredentialsProvider.create())\n"
    "#     .NET    EmulatorDetection = EmulatorDetection.EmulatorOnly    (of its builders; reads PUBSUB_EMULATOR_HOST)\n"
    "#     Spring  spring.cloud.gcp.pubsub.emulator-host=@\n"
    "#   Healthcare\n"
    "#     Go      healthcare.NewService(ctx, option.WithEndpoint(\"http://@/\"), option.WithoutAuthentication())\n"
    "#     Python  discovery.build(\"healthcare\", \"v1\", client_options={\"api_endpoint\": \"http://@\"},\n"
    "#               credentials=AnonymousCredentials())\n"
    "#     Node    healthcare({version: \"v1\", auth, rootUrl: \"http://@/\"})    // auth: an OAuth2Client with any token\n"
    "#     Java    new CloudHealthcare.Builder(transport, json, null).setRootUrl(\"http://@/\")\n";

/* '%' stands for the file with the certificate. */
static const char tls_exports[] =
    "unset PUBSUB_EMULATOR_HOST\n"
    "export SSL_CERT_FILE=%\n"
    "export GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=%\n"
    "export HTTPLIB2_CA_CERTS=%\n"
    "export REQUESTS_CA_BUNDLE=%\n"
    "export NODE_EXTRA_CA_CERTS=%\n"
    "export CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE=%\n"
    "export CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=https://@/\n"
    "export CLOUDSDK_API_ENDPOINT_OVERRIDES_HEALTHCARE=https://@/\n"
    "export CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=\"$(f=$(mktemp) && echo any-token > \"$f\" && echo \"$f\")\"\n"
    "export METADATA_SERVER_DETECTION=none\n";

static const char tls_talk[] =
    "# Over TLS PUBSUB_EMULATOR_HOST must not be set (it means cleartext). A line of code for each:\n"
    "#   Pub/Sub\n"
    "#     Go      option.WithEndpoint(\"@\"), option.WithoutAuthentication()\n"
    "#     Python  client_options={\"api_endpoint\": \"@\"}, credentials=AnonymousCredentials()\n"
    "#     Node    apiEndpoint: \"@\", emulatorMode: false, and an authClient with any token\n"
    "#     Java    .setEndpoint(\"@\").setCredentialsProvider(NoCredentialsProvider.create())    (a trust store with the file)\n"
    "#   Healthcare\n"
    "#     Go      option.WithEndpoint(\"https://@/\"), option.WithoutAuthentication()\n"
    "#     Python  client_options={\"api_endpoint\": \"https://@\"}, credentials=AnonymousCredentials()\n"
    "#     Node    rootUrl: \"https://@/\"\n"
    "#     Java    .setRootUrl(\"https://@/\")    (a trust store with the file)\n"
    "#   hl7relay  \"pubsub_endpoint\": \"https://@\", \"healthcare_endpoint\": \"https://@\", \"tls\": {\"ca_file\": \"...\"}\n";

/* A word for the shell, whatever stands in it. */
static void quote(const char *text, struct buf *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:[],=+@";
    if (*text != '\0' && strspn(text, plain) == strlen(text)) {
        buf_append_str(out, text);
        return;
    }
    buf_append_char(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buf_append_str(out, "'\\''");
        else
            buf_append_char(out, *text);
    }
    buf_append_char(out, '\'');
}

static void fill(const char *text, const char *at, const char *file, struct buf *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '@')
            buf_append_str(out, at);
        else if (*text == '%')
            buf_append_str(out, file);
        else
            buf_append_char(out, *text);
    }
}

int emulate_env_init(const struct invocation *in)
{
    struct err err = { 0 };
    CLEANUP(buf_fini) struct buf host = { 0 }, at = { 0 }, file = { 0 }, project = { 0 }, out = { 0 }, talk = { 0 };
    uint16_t port = 0;
    if (!emulate_near(in->values, &host, &port, &err)) {
        print_error(&err);
        return exit_for(&err);
    }
    host_port_write(buf_str(&host), port, &at);
    bool tls = *opt_str(in->values, OPT_tls_cert) != '\0';
    quote(opt_str(in->values, OPT_tls_cert), &file);
    fill(tls ? tls_exports : clear_exports, buf_str(&at), buf_str(&file), &out);
    if (*opt_str(in->values, OPT_project) != '\0') {
        quote(opt_str(in->values, OPT_project), &project);
        buf_printf(&out, "export GOOGLE_CLOUD_PROJECT=%s\nexport PUBSUB_PROJECT_ID=%s\nexport CLOUDSDK_CORE_PROJECT=%s\n", buf_str(&project),
                   buf_str(&project), buf_str(&project));
    }
    print_out(&out);
    if (opt_bool(in->values, OPT_quiet))
        return CMD_EXIT_OK;
    fill(tls ? tls_talk : clear_talk, buf_str(&at), "", &talk);
    fputs(buf_str(&talk), stderr);
    return CMD_EXIT_OK;
}
