/*
 * Words and numbers of Beam's contracts that worker and submitter share
 * (beam_runner_api.proto, beam_fn_api.proto, metrics.proto), and the text that
 * the submitter puts into each of our ParDos.
 *
 * DoFn: urn BEAM_URN_DOFN, payload a JSON object, the same in all steps of a pipeline but for `do`:
 *
 *      do               "shards" | "pull" | "create" | "log" | "fetch" | "ingest" | "dead_fetch" | "dead_ingest"
 *      v                1
 *      runner           a name of runners.def: whose policy the worker follows
 *      source           "pull" (our splittable DoFn) | "pubsub_read" (the runner's) | "create" (bounded)
 *      with_attributes  "pubsub_read" only: elements are serialized google.pubsub.v1.PubsubMessage, else its data
 *      settings         an object: what was given of a configuration file, as one; without secrets
 *      shards           with "shards": how many elements it makes (u32, big-endian 0..N-1), 1..1000
 *      names            with "create": the elements it makes, one each
 *      messages         with "pull": the source ends after so many messages taken by this process; 0, absent: never
 *      open_ms          a bundle with unfinished messages is ended then, if that is sooner than the runner's row says
 *
 * Elements between our steps are the notification's data, that is the message's name; never the message.
 */
#ifndef BEAM_BEAM_WIRE_H
#define BEAM_BEAM_WIRE_H

#define BEAM_URN_DOFN "beam:dofn:c:v1"

#define BEAM_URN_SOURCE "beam:runner:source:v1"
#define BEAM_URN_SINK "beam:runner:sink:v1"
#define BEAM_URN_IMPULSE "beam:transform:impulse:v1"
#define BEAM_URN_PARDO "beam:transform:pardo:v1"
#define BEAM_URN_FLATTEN "beam:transform:flatten:v1"
#define BEAM_URN_PUBSUB_READ "beam:transform:pubsub_read:v1"
#define BEAM_URN_SDF_PAIR "beam:transform:sdf_pair_with_restriction:v1"
#define BEAM_URN_SDF_SPLIT "beam:transform:sdf_split_and_size_restrictions:v1"
#define BEAM_URN_SDF_PROCESS "beam:transform:sdf_process_sized_element_and_restrictions:v1"
#define BEAM_URN_SDF_TRUNCATE "beam:transform:sdf_truncate_sized_restrictions:v1"

#define BEAM_URN_BYTES "beam:coder:bytes:v1"
#define BEAM_URN_KV "beam:coder:kv:v1"
#define BEAM_URN_DOUBLE "beam:coder:double:v1"
#define BEAM_URN_LENGTH_PREFIX "beam:coder:length_prefix:v1"
#define BEAM_URN_GLOBAL_WINDOW "beam:coder:global_window:v1"
#define BEAM_URN_WINDOWED_VALUE "beam:coder:windowed_value:v1"

/* Local names of inputs and outputs in our graph. */
#define BEAM_TAG_IN "in"
#define BEAM_TAG_OUT "out"
#define BEAM_TAG_FAILED_FETCH "failed_fetch"
#define BEAM_TAG_FAILED_INGEST "failed_ingest"

enum beam_is_bounded { BEAM_UNBOUNDED = 1, BEAM_BOUNDED = 2 };

enum beam_severity { BEAM_TRACE = 1, BEAM_DEBUG, BEAM_INFO, BEAM_NOTICE, BEAM_WARN, BEAM_ERROR, BEAM_CRITICAL };

enum beam_job_state {
    BEAM_JOB_UNSPECIFIED, BEAM_JOB_STOPPED, BEAM_JOB_RUNNING, BEAM_JOB_DONE, BEAM_JOB_FAILED, BEAM_JOB_CANCELLED,
    BEAM_JOB_UPDATED, BEAM_JOB_DRAINING, BEAM_JOB_DRAINED, BEAM_JOB_STARTING, BEAM_JOB_CANCELLING, BEAM_JOB_UPDATING
};

#endif
