/*
 * Every queue, buffer, wait, depth and count that a far side, a file or a
 * person could make large has its bound here, with the reason. `hl7relay check
 * --limits` prints this table (each LIMIT row becomes an enum constant).
 *
 *  LIMIT(name, value, reason)
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include "base/def.h"

#define LIMITS(LIMIT)                                                                             \
    LIMIT(LIMIT_NAME_LEN, 1024, "a resource name: 5 ids of at most 256 characters are below it")   \
    LIMIT(LIMIT_MESSAGE_ID_LEN, 256, "the message id inside a resource name")                      \
    LIMIT(LIMIT_REQUEST_BODY, 10 << 20, "documented request limit of HL7v2 stores: 10 MB")         \
    LIMIT(LIMIT_REPLY_BODY, 14 << 20, "a 10 MB message in base64 and JSON fits")                   \
    LIMIT(LIMIT_SMALL_REPLY, 1 << 20, "error bodies, ACKs, tokens, list pages of names")           \
    LIMIT(LIMIT_HEADER_BYTES, 64 << 10, "all header fields of one request or reply")               \
    LIMIT(LIMIT_HEADER_COUNT, 128, "header fields of one request or reply")                        \
    LIMIT(LIMIT_FRAME_RATE, 10000, "control frames a second from one connection before it is cut") \
    LIMIT(LIMIT_STREAM_WINDOW, 16 << 10, "first window of a reply: what a fetch reserves")         \
    LIMIT(LIMIT_CONNECTION_WINDOW, 16 << 20, "HTTP/2 connection window")                           \
    LIMIT(LIMIT_STREAMS, 100, "concurrent requests on one HTTP/2 connection")                      \
    LIMIT(LIMIT_AUTO_WINDOW, 1 << 20, "window of a stream that is read as it comes (gRPC streams)")\
    LIMIT(LIMIT_WANT_STEP, 64 << 10, "what a reply of unknown length asks for at a time")          \
    LIMIT(LIMIT_STREAM_IDS, 1 << 30, "a connection is replaced long before its stream ids end (2^31)")\
    LIMIT(LIMIT_FLUSH, 60 << 10, "bytes gathered for one write to a socket")                       \
    LIMIT(LIMIT_CONNECTS, 16, "connections that one pool may open at once after a quiet time")     \
    LIMIT(LIMIT_CONNECTS_PER_S, 8, "and each second after that: a TLS handshake costs a millisecond of CPU")\
    LIMIT(LIMIT_PING_WAIT_S, 10, "for the answer to a PING before the connection is given up")     \
    LIMIT(LIMIT_IDLE_S, 180, "a connection without calls is closed before load balancers forget it (4 min)")\
    LIMIT(LIMIT_RESOLVE_NAMES, 64, "host names of one process")                                    \
    LIMIT(LIMIT_RESOLVE_KEPT_S, 300, "a good answer of the resolver stands in for a failed look-up this long")\
    LIMIT(LIMIT_PROXY_REPLY, 16 << 10, "the header of a proxy's answer to CONNECT")                \
    LIMIT(LIMIT_COLD_CALLS, 64, "requests on the cold path that wait or run")                      \
    LIMIT(LIMIT_CONNECTIONS, 1024, "connections that one server port accepts")                     \
    LIMIT(LIMIT_RESET_RATE, 1000, "requests one connection may reset a second before it is cut")   \
    LIMIT(LIMIT_REPLY_HEADERS, 32, "header fields that a handler adds to one reply")               \
    LIMIT(LIMIT_CHUNK_LINE, 256, "a chunk's size with its extensions (HTTP/1.1)")                  \
    LIMIT(LIMIT_TRAILER_BYTES, 8 << 10, "trailers after a chunked body; they are passed over")     \
    LIMIT(LIMIT_SERVER_WINDOW, 1 << 20, "HTTP/2 window of one request body; held bodies count by size") \
    LIMIT(LIMIT_SERVER_BODIES, 512 << 20, "request bodies that one port holds; more are answered 503") \
    LIMIT(LIMIT_SERVER_OUT, 64 << 10, "bytes of replies taken to one connection before it has sent them") \
    LIMIT(LIMIT_SERVER_AHEAD, 64 << 10, "pipelined input kept while a reply is owed (HTTP/1.1)")   \
    LIMIT(LIMIT_SERVER_WAIT_S, 30, "for a handshake, a request's head, or the next piece of its body") \
    LIMIT(LIMIT_SERVER_STALL_S, 60, "for a reader that takes nothing of its replies")              \
    LIMIT(LIMIT_SERVER_IDLE_S, 600, "for a connection without a request")                          \
    LIMIT(LIMIT_SERVER_LINGER_S, 2, "reading on after a reply that came before the request's end")  \
    LIMIT(LIMIT_SERVER_LINGER_BYTES, 16 << 20, "and no more than this of one request (HTTP/2)")     \
    LIMIT(LIMIT_REQUESTS_KEPT, 1024, "request objects kept for reuse by one port")                 \
    LIMIT(LIMIT_GRPC_MESSAGE, 24 << 20, "one gRPC message: a 10 MB Pub/Sub message with room")     \
    LIMIT(LIMIT_GRPC_REPLY, 4000000, "a pull reply of ours: Python's gRPC takes 4 MiB")            \
    LIMIT(LIMIT_GRPC_TEXT, 1024, "grpc-message: trailers must fit into what clients take")         \
    LIMIT(LIMIT_GRPC_DETAILS, 8 << 10, "grpc-status-details-bin: Python takes 16 KiB of trailers") \
    LIMIT(LIMIT_ACK_REQUEST_BYTES, 500000, "documented: 524,288 bytes per Acknowledge request")    \
    LIMIT(LIMIT_ACK_BATCH, 100, "acknowledgements sent together; more wait at most 10 ms")         \
    LIMIT(LIMIT_ACK_ID_LEN, 1024, "one acknowledgement id")                                        \
    LIMIT(LIMIT_ACK_CALLS, 32, "acknowledge and extend calls under way at once; more batches wait")\
    LIMIT(LIMIT_ACK_BATCHES, 8192, "batches that wait: every lease of LIMIT_OUTSTANDING, twice")   \
    LIMIT(LIMIT_PULL_BYTES, 100 << 20, "notification bytes that one stream may have outstanding")  \
    LIMIT(LIMIT_PUBLISH_MESSAGES, 1000, "documented: messages in one Publish request")             \
    LIMIT(LIMIT_PUBLISH_BYTES, 10000000, "documented: 10 MB in one Publish request")               \
    LIMIT(LIMIT_LIST_PAGE, 64 << 20, "a page of whole messages: TOO_LARGE asks for a smaller page")\
    LIMIT(LIMIT_KEY_FILE, 64 << 10, "a credentials or token file")                                 \
    LIMIT(LIMIT_TOKEN_LEN, 16 << 10, "a bearer token: it goes into one header field")              \
    LIMIT(LIMIT_TOKEN_AGAIN_S, 30, "between looks for a new token while the old one still lives")  \
    LIMIT(LIMIT_OUTSTANDING, 400000, "deliveries held by one process")                             \
    LIMIT(LIMIT_LEASE_SLOTS, 800000, "numbers a driver may give to leases: twice the deliveries held") \
    LIMIT(LIMIT_JSON_DEPTH, 64, "nesting of JSON that we read")                                    \
    LIMIT(LIMIT_LABELS, 64, "labels on one message (documented)")                                  \
    LIMIT(LIMIT_CONFIG_FILE, 1 << 20, "a configuration or rule file")                              \
    LIMIT(LIMIT_RETRY_AFTER_S, 600, "a server may not stop us longer than ten minutes at a time")  \
    LIMIT(LIMIT_LOG_LINE, 4096, "one log line; the rest is cut and marked")                        \
    LIMIT(LIMIT_LOG_CONTENT, 64 << 10, "one line of the opt-in content log; the rest is cut and marked")   \
    LIMIT(LIMIT_LOG_RING, 1 << 20, "log bytes that wait for a slow reader before lines are dropped")\
    LIMIT(LIMIT_DEAD_RECORD, 64 << 10, "one dead-letter record")                                   \
    LIMIT(LIMIT_DEAD_SHOWN, 100000, "dead letters that `dead` reads out of a subscription at a time")     \
    LIMIT(LIMIT_DEAD_PENDING, 8192, "dead letters on their way to the disk; more are answered with an error") \
    LIMIT(LIMIT_DEAD_SEGMENT, 64 << 20, "one dead-letter segment file before the next is begun")   \
    LIMIT(LIMIT_ADMIN_CONNECTIONS, 64, "connections to the status port")                           \
    LIMIT(LIMIT_HL7_SEGMENTS, 100000, "segments in one HL7v2 message")                           \
    LIMIT(LIMIT_BEAM_NAMES, 20000, "messages that one bounded job may name")                         \
    LIMIT(LIMIT_BEAM_NAMES_BYTES, 3 << 20, "their text: it travels in the job's request, and gRPC servers take 4 MiB") \
    LIMIT(LIMIT_BEAM_PUSHED, 50000, "names of a runner's under way before its data stream is held")   \
    LIMIT(LIMIT_BEAM_STEPS, 1000, "transforms of one fused stage; ours have a dozen")              \
    LIMIT(LIMIT_BEAM_MESSAGE, 256 << 20, "one message of a Beam runner: runners lift gRPC's usual 4 MiB")  \
    LIMIT(LIMIT_BEAM_BUNDLES, 10000, "bundles open at once in one worker; more are answered with an error") \
    LIMIT(LIMIT_BEAM_EARLY, 64 << 20, "data that came before its instruction; the oldest is dropped beyond it") \
    LIMIT(LIMIT_BEAM_EARLY_S, 60, "for the instruction that it belongs to")                        \
    LIMIT(LIMIT_BEAM_PLANS, 1000, "stages that one worker keeps compiled")                         \
    LIMIT(LIMIT_BEAM_FLUSH, 1 << 20, "bytes of one output gathered before they are sent")          \
    LIMIT(LIMIT_BEAM_ANSWERED, 100000, "answered bundles that wait to be finalized")               \
    LIMIT(LIMIT_BEAM_METRICS, 10000, "metrics whose short ids one worker remembers")               \
    LIMIT(LIMIT_BEAM_LOG, 1000, "log lines that wait for the runner; more are dropped and counted") \
    LIMIT(LIMIT_BEAM_WORKERS, 1000, "workers that one pool runs")                                   \
    LIMIT(LIMIT_CLOUD_COMMIT, 256, "transactions that the local cloud puts on disk with one fsync")  \
    LIMIT(LIMIT_CLOUD_WRITES, 65536, "transactions of the local cloud that wait for the disk")       \
    LIMIT(LIMIT_CLOUD_WRITE_BYTES, 256 << 20, "their bytes")                                         \
    LIMIT(LIMIT_CLOUD_WINDOW, 20000, "undelivered messages of a subscription kept in memory")        \
    LIMIT(LIMIT_CLOUD_CACHE, 64 << 20, "their bytes, over all subscriptions; else read when needed") \
    LIMIT(LIMIT_CLOUD_PASS, 2000, "messages handed to streams in one pass of the loop")              \
    LIMIT(LIMIT_CLOUD_UNSENT, 1 << 20, "response bytes waiting in one stream before it gets no more") \
    LIMIT(LIMIT_CLOUD_FILTER, 4096, "the text of one filter")                                         \
    LIMIT(LIMIT_CLOUD_NOTIFICATIONS, 100, "notification configs of one store")                        \
    LIMIT(LIMIT_CLOUD_SCAN, 100000, "messages looked at for one page of a filtered list")             \
    LIMIT(LIMIT_CLOUD_PAGE, 8 << 20, "a page of large messages ends early")                           \
    LIMIT(LIMIT_CLOUD_ACCEPT_ALL, 17 << 20, "a request to a store that takes anything: 16 MB and room") \
    LIMIT(LIMIT_CLOUD_SEEN, 200, "recent requests that the local cloud's page remembers")              \
    LIMIT(LIMIT_CLOUD_ROWS, 200, "rows of one table on the local cloud's page")                        \
    LIMIT(LIMIT_CLOUD_COUNTED, 10000, "messages of one subscription or store that its page counts: more are \"10,000+\"") \
    LIMIT(LIMIT_CLOUD_COUNTED_ALL, 100000, "and of all of them, so that the page costs milliseconds")  \
    LIMIT(LIMIT_CLOUD_SEED, 16 << 20, "a file that furnishes the local cloud")                         \
    LIMIT(LIMIT_CLOUD_SEEDING, 64, "things of it that are made at one time")                           \
    LIMIT(LIMIT_CLOUD_ADMIN_BODY, 16 << 10, "a form of the local cloud's page")                        \
    LIMIT(LIMIT_CLOUD_FIELDS, 256, "names in one `fields` mask of a REST request")                    \
    LIMIT(LIMIT_CLOUD_SCHEMAS, 96, "kinds of bodies that one API of the local cloud has")             \
    LIMIT(LIMIT_CLOUD_BATCH, 100, "documented: messages of one batchGet")                             \
    LIMIT(LIMIT_CLOUD_IMPORT_FILES, 10000, "files that the pattern of one import may match")          \
    LIMIT(LIMIT_CLOUD_IMPORT_READ, 1 << 20, "bytes of a file that an import reads at a time")         \
    LIMIT(LIMIT_CLOUD_IMPORT_TOLD, 10, "failures of one import that are told one by one")             \
    LIMIT(LIMIT_CLOUD_ZONE_FILE, 64 << 10, "a file of the time zone database")                        \
    LIMIT(LIMIT_CLOUD_WALK, 256, "messages that an export, import or count handles in one pass of the loop") \
    LIMIT(LIMIT_CLOUD_JOBS, 64, "exports, imports and counts that run at one time; more are told to wait")

enum limit {
#define LIMIT(name, value, reason) name = (value),
    LIMITS(LIMIT)
#undef LIMIT
};

#endif
