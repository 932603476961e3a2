/* `hl7relay help seed`: the file of `emulate --seed`. */
#include "cmd/help_text.h"

static const char text[] =
    "hl7relay emulate --seed cloud.json    furnishes the local cloud before it listens\n"
    "\n"
    "{\"projects\": {\n"
    "  \"my-project\": {\n"
    "    \"topics\": {\"adt\": {}, \"dead\": {\"labels\": {\"team\": \"integration\"}}},\n"
    "    \"subscriptions\": {\n"
    "      \"relay\": {\"topic\": \"adt\", \"ackDeadlineSeconds\": 60,\n"
    "        \"deadLetterPolicy\": {\"deadLetterTopic\": \"dead\", \"maxDeliveryAttempts\": 10}},\n"
    "      \"dead-kept\": {\"topic\": \"dead\"}},\n"
    "    \"locations\": {\"us-central1\": {\"datasets\": {\"clinic\": {\"hl7V2Stores\": {\n"
    "      \"source\": {\"notificationConfigs\": [{\"pubsubTopic\": \"adt\"}],\n"
    "        \"messages\": [\"a01.hl7\", \"folder\", {\"file\": \"r.hl7\", \"labels\": {\"k\": \"v\"}}]},\n"
    "      \"destination\": {\"rejectDuplicateMessage\": true}}}}}}}}}\n"
    "\n"
    "Fields are those of Google's REST APIs. A topic named by its id alone is of the\n"
    "same project. Message files and folders (of *.hl7) are looked for beside it.\n"
    "Run again, it changes what differs and makes nothing twice; it removes nothing:\n"
    "`hl7relay emulate reset` does. What is wrong is told with line, column and key.\n";

void help_seed(struct buf *out)
{
    buf_append_str(out, text);
}
