#include "cloud/healthcare_schema.h"

#include "cloud/iam_schema.h"
#include "cloud/rest_words.h"

static const struct cloud_rest_schema empty = { "Empty", "Nothing.", NULL, 0 };

/* --- datasets and operations --- */

REST_SCHEMA(dataset, "Dataset", "A container of stores.", REST_TEXT("name"), REST_TEXT("timeZone"));
REST_SCHEMA(list_datasets, "ListDatasetsResponse", "A page of datasets.", REST_OBJECTS("datasets", dataset), REST_NEXT);
REST_SCHEMA(status, "Status", "How an operation failed.", REST_SMALL("code"), REST_TEXT("message"), REST_ANYS("details"));
REST_SCHEMA(operation, "Operation", "Work that goes on after its request was answered.", REST_TEXT("name"),
            REST_ANY("metadata"), REST_FLAG("done"), REST_OBJECT("error", status), REST_ANY("response"));
REST_SCHEMA(list_operations, "ListOperationsResponse", "A page of operations.",
            REST_OBJECTS("operations", operation), REST_NEXT);

/* --- HL7v2 stores --- */

REST_SCHEMA(version_source, "VersionSource", "A field of MSH and the value it must have.", REST_TEXT("mshField"),
            REST_TEXT("value"));
REST_SCHEMA(schema_segment, "SchemaSegment", "A segment of a message structure.", REST_TEXT("type"),
            REST_SMALL("minOccurs"), REST_SMALL("maxOccurs"));
static const struct cloud_rest_schema schema_group;
REST_SCHEMA(group_or_segment, "GroupOrSegment", "A member of a group.", REST_OBJECT("group", schema_group),
            REST_OBJECT("segment", schema_segment));
REST_SCHEMA(schema_group, "SchemaGroup", "A group of a message structure.", REST_TEXT("name"), REST_FLAG("choice"),
            REST_SMALL("minOccurs"), REST_SMALL("maxOccurs"), REST_OBJECTS("members", group_or_segment));
REST_SCHEMA(schema_config, "Hl7SchemaConfig", "Message structures by type and trigger event.",
            REST_MAP("messageSchemaConfigs", schema_group), REST_OBJECTS("version", version_source));
REST_SCHEMA(type_field, "Field", "A field of a type.", REST_TEXT("name"), REST_TEXT("type"), REST_TEXT("table"),
            REST_SMALL("minOccurs"), REST_SMALL("maxOccurs"));
REST_SCHEMA(type, "Type", "A segment or data type.", REST_TEXT("name"), REST_TEXT("primitive"),
            REST_OBJECTS("fields", type_field));
REST_SCHEMA(types_config, "Hl7TypesConfig", "Segments and data types.", REST_OBJECTS("type", type),
            REST_OBJECTS("version", version_source));
REST_SHARED_SCHEMA(cloud_rest_schema_package, "SchemaPackage", "What messages are made of.", REST_OBJECTS("schemas", schema_config),
            REST_OBJECTS("types", types_config), REST_TEXT("schematizedParsingType"), REST_FLAG("ignoreMinOccurs"),
            REST_TEXT("unexpectedSegmentHandling"));
REST_SCHEMA(parser_config, "ParserConfig", "How messages are taken apart.", REST_FLAG("allowNullHeader"),
            REST_OCTETS("segmentTerminator"), REST_OBJECT("schema", cloud_rest_schema_package), REST_TEXT("version"));
REST_SCHEMA(notification, "Hl7V2NotificationConfig", "Where new messages are announced.", REST_TEXT("pubsubTopic"),
            REST_TEXT("filter"));
REST_SCHEMA(store, "Hl7V2Store", "A store of HL7v2 messages.", REST_TEXT("name"), REST_PAIRS("labels"),
            REST_OBJECTS("notificationConfigs", notification), REST_OBJECT("parserConfig", parser_config),
            REST_FLAG("rejectDuplicateMessage"));
REST_SCHEMA(list_stores, "ListHl7V2StoresResponse", "A page of stores.", REST_OBJECTS("hl7V2Stores", store), REST_NEXT);

/* --- messages --- */

REST_SCHEMA(patient_id, "PatientId", "An identifier of a patient and its type.", REST_TEXT("type"), REST_TEXT("value"));
REST_SCHEMA(segment, "Segment", "A segment's fields by place.", REST_TEXT("segmentId"), REST_TEXT("setId"),
            REST_PAIRS("fields"));
REST_SCHEMA(parsed_data, "ParsedData", "A message taken apart.", REST_OBJECTS("segments", segment));
REST_SCHEMA(schematized_data, "SchematizedData", "A message by its schema.", REST_TEXT("data"), REST_TEXT("error"));
REST_SCHEMA(message, "Message", "An HL7v2 message.", REST_TEXT("name"), REST_OCTETS("data"), REST_TIME("createTime"),
            REST_TEXT("sendFacility"), REST_TIME("sendTime"), REST_TEXT("messageType"), REST_OBJECTS("patientIds", patient_id),
            REST_PAIRS("labels"), REST_OBJECT("parsedData", parsed_data), REST_OBJECT("schematizedData", schematized_data));
REST_SCHEMA(create_request, "CreateMessageRequest", "A message to be stored.", REST_OBJECT("message", message));
REST_SCHEMA(ingest_request, "IngestMessageRequest", "A message to be stored and acknowledged.",
            REST_OBJECT("message", message));
REST_SCHEMA(ingest_response, "IngestMessageResponse", "The stored message and its ACK.", REST_OCTETS("hl7Ack"),
            REST_OBJECT("message", message));
REST_SCHEMA(list_messages, "ListMessagesResponse", "A page of messages.", REST_OBJECTS("hl7V2Messages", message),
            REST_NEXT);
REST_SCHEMA(batch_get, "BatchGetMessagesResponse", "Messages that were asked for by id.",
            REST_OBJECTS("messages", message));

/* --- export, import, metrics --- */

REST_SCHEMA(gcs_destination, "GcsDestination", "Where files go.", REST_TEXT("uriPrefix"), REST_TEXT("messageView"),
            REST_TEXT("contentStructure"));
REST_SCHEMA(pubsub_destination, "PubsubDestination", "Where names are published.", REST_TEXT("pubsubTopic"));
REST_SCHEMA(export_request, "ExportMessagesRequest", "What is exported, and where to.", REST_TIME("startTime"),
            REST_TIME("endTime"), REST_TEXT("filter"), REST_OBJECT("gcsDestination", gcs_destination),
            REST_OBJECT("pubsubDestination", pubsub_destination));
REST_SCHEMA(gcs_source, "GcsSource", "Where files are.", REST_TEXT("uri"));
REST_SCHEMA(import_request, "ImportMessagesRequest", "What is imported.", REST_OBJECT("gcsSource", gcs_source));
static const struct cloud_rest_schema cancel_request = { "CancelOperationRequest", "Nothing.", NULL, 0 };
REST_SCHEMA(metric, "Hl7V2StoreMetric", "What there is of one type.", REST_TEXT("messageType"),
            REST_LONG("count"), REST_LONG("structuredStorageSizeBytes"));
REST_SCHEMA(metrics, "Hl7V2StoreMetrics", "What there is in a store.", REST_TEXT("name"),
            REST_OBJECTS("metrics", metric));

const struct cloud_rest_method cloud_healthcare_methods[CLOUD_HC_METHODS] = {
#define HC(id, op, fn, version, place, name, verb, param, resource, rest, query, request, response, words)   \
    { version, place, name, verb, param, resource, rest, query, request, response, words },
#define HC_ABSENT(id, verb, resource, rest, words)
#include "cloud/healthcare_methods.def"
#undef HC
#undef HC_ABSENT
};
