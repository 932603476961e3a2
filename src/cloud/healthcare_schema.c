#include "cloud/healthcare_schema.h"

#define TEXT(name)             { name, CLOUD_REST_STRING, false, NULL }
#define TEXTS(name)            { name, CLOUD_REST_STRING, true, NULL }
#define OCTETS(name)           { name, CLOUD_REST_BYTES, false, NULL }
#define FLAG(name)             { name, CLOUD_REST_BOOL, false, NULL }
#define SMALL(name)            { name, CLOUD_REST_INT32, false, NULL }
#define LONG(name)             { name, CLOUD_REST_INT64, false, NULL }
#define TIME(name)             { name, CLOUD_REST_TIME, false, NULL }
#define OBJECT(name, schema)   { name, CLOUD_REST_OBJECT, false, &(schema) }
#define OBJECTS(name, schema)  { name, CLOUD_REST_OBJECT, true, &(schema) }
#define PAIRS(name)            { name, CLOUD_REST_MAP, false, NULL }
#define MAP(name, schema)      { name, CLOUD_REST_MAP, false, &(schema) }
#define ANY(name)              { name, CLOUD_REST_ANY, false, NULL }
#define ANYS(name)             { name, CLOUD_REST_ANY, true, NULL }
#define NEXT                   TEXT("nextPageToken")

static const struct cloud_rest_schema empty = { "Empty", "Nothing.", NULL, 0 };

/* --- datasets and operations --- */

REST_SCHEMA(dataset, "Dataset", "A container of stores.", TEXT("name"), TEXT("timeZone"));
REST_SCHEMA(list_datasets, "ListDatasetsResponse", "A page of datasets.", OBJECTS("datasets", dataset), NEXT);
REST_SCHEMA(status, "Status", "How an operation failed.", SMALL("code"), TEXT("message"), ANYS("details"));
REST_SCHEMA(operation, "Operation", "Work that goes on after its request was answered.", TEXT("name"),
            ANY("metadata"), FLAG("done"), OBJECT("error", status), ANY("response"));
REST_SCHEMA(list_operations, "ListOperationsResponse", "A page of operations.",
            OBJECTS("operations", operation), NEXT);

/* --- HL7v2 stores --- */

REST_SCHEMA(version_source, "VersionSource", "A field of MSH and the value it must have.", TEXT("mshField"),
            TEXT("value"));
REST_SCHEMA(schema_segment, "SchemaSegment", "A segment of a message structure.", TEXT("type"),
            SMALL("minOccurs"), SMALL("maxOccurs"));
static const struct cloud_rest_schema schema_group;
REST_SCHEMA(group_or_segment, "GroupOrSegment", "A member of a group.", OBJECT("group", schema_group),
            OBJECT("segment", schema_segment));
REST_SCHEMA(schema_group, "SchemaGroup", "A group of a message structure.", TEXT("name"), FLAG("choice"),
            SMALL("minOccurs"), SMALL("maxOccurs"), OBJECTS("members", group_or_segment));
REST_SCHEMA(schema_config, "Hl7SchemaConfig", "Message structures by type and trigger event.",
            MAP("messageSchemaConfigs", schema_group), OBJECTS("version", version_source));
REST_SCHEMA(type_field, "Field", "A field of a type.", TEXT("name"), TEXT("type"), TEXT("table"),
            SMALL("minOccurs"), SMALL("maxOccurs"));
REST_SCHEMA(type, "Type", "A segment or data type.", TEXT("name"), TEXT("primitive"),
            OBJECTS("fields", type_field));
REST_SCHEMA(types_config, "Hl7TypesConfig", "Segments and data types.", OBJECTS("type", type),
            OBJECTS("version", version_source));
REST_SCHEMA(schema_package, "SchemaPackage", "What messages are made of.", OBJECTS("schemas", schema_config),
            OBJECTS("types", types_config), TEXT("schematizedParsingType"), FLAG("ignoreMinOccurs"),
            TEXT("unexpectedSegmentHandling"));
REST_SCHEMA(parser_config, "ParserConfig", "How messages are taken apart.", FLAG("allowNullHeader"),
            OCTETS("segmentTerminator"), OBJECT("schema", schema_package), TEXT("version"));
REST_SCHEMA(notification, "Hl7V2NotificationConfig", "Where new messages are announced.", TEXT("pubsubTopic"),
            TEXT("filter"));
REST_SCHEMA(store, "Hl7V2Store", "A store of HL7v2 messages.", TEXT("name"), PAIRS("labels"),
            OBJECTS("notificationConfigs", notification), OBJECT("parserConfig", parser_config),
            FLAG("rejectDuplicateMessage"));
REST_SCHEMA(list_stores, "ListHl7V2StoresResponse", "A page of stores.", OBJECTS("hl7V2Stores", store), NEXT);

/* --- messages --- */

REST_SCHEMA(patient_id, "PatientId", "An identifier of a patient and its type.", TEXT("type"), TEXT("value"));
REST_SCHEMA(segment, "Segment", "A segment's fields by place.", TEXT("segmentId"), TEXT("setId"),
            PAIRS("fields"));
REST_SCHEMA(parsed_data, "ParsedData", "A message taken apart.", OBJECTS("segments", segment));
REST_SCHEMA(schematized_data, "SchematizedData", "A message by its schema.", TEXT("data"), TEXT("error"));
REST_SCHEMA(message, "Message", "An HL7v2 message.", TEXT("name"), OCTETS("data"), TIME("createTime"),
            TEXT("sendFacility"), TIME("sendTime"), TEXT("messageType"), OBJECTS("patientIds", patient_id),
            PAIRS("labels"), OBJECT("parsedData", parsed_data), OBJECT("schematizedData", schematized_data));
REST_SCHEMA(create_request, "CreateMessageRequest", "A message to be stored.", OBJECT("message", message));
REST_SCHEMA(ingest_request, "IngestMessageRequest", "A message to be stored and acknowledged.",
            OBJECT("message", message));
REST_SCHEMA(ingest_response, "IngestMessageResponse", "The stored message and its ACK.", OCTETS("hl7Ack"),
            OBJECT("message", message));
REST_SCHEMA(list_messages, "ListMessagesResponse", "A page of messages.", OBJECTS("hl7V2Messages", message),
            NEXT);
REST_SCHEMA(batch_get, "BatchGetMessagesResponse", "Messages that were asked for by id.",
            OBJECTS("messages", message));

const struct cloud_rest_method cloud_healthcare_methods[CLOUD_HC_METHODS] = {
#define HC(id, op, fn, version, place, name, verb, param, resource, rest, query, request, response, words)   \
    { version, place, name, verb, param, resource, rest, query, request, response, words },
#define HC_ABSENT(id, verb, resource, rest, words)
#include "cloud/healthcare_methods.def"
#undef HC
#undef HC_ABSENT
};
