#!/usr/bin/env python3
"""By hand: what the Python SDK's own client (apache-beam, pinned by tests/beam/setup) makes of our pipeline and our options,
against the request that we make. Needs no network and no credentials:

  unshare -n env HL7RELAY=build/src/cmd/hl7relay .tools/beam/python/bin/python tests/beam/dataflow_reference.py

The client's code that fills in the environment of a job is called as it is; what would stage files or ask for credentials
is not reached. Differences are shown; none: exit code 0.
"""
import difflib
import hashlib
import json
import sys

import beam_lib  # noqa: F401
import dataflow_golden as G

import apache_beam
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.portability.api.org.apache.beam.model.pipeline.v1 import beam_runner_api_pb2
from apache_beam.runners.dataflow import dataflow_runner
from apache_beam.runners.dataflow.internal import apiclient

KEPT = ('experiments', 'job_name', 'pipelineProtoHash', 'pipelineUrl', 'project', 'region', 'staging_location', 'streaming',
        'temp_location')


def flags(config):
    """Our configuration as the Python SDK's flags."""
    names = {'project_id': 'project', 'min_num_workers': 'num_workers'}
    same = ('project_id', 'region', 'staging_location', 'temp_location', 'worker_machine_type', 'min_num_workers', 'max_num_workers',
            'service_account_email', 'sdk_container_image')
    out = ['--runner=DataflowRunner', '--streaming', '--job_name=hl7v2-to-hl7v2', '--autoscaling_algorithm=THROUGHPUT_BASED',
           '--no_use_public_ips', '--sdk_location=container']
    out += ['--%s=%s' % (names.get(k, k), config[k]) for k in same]
    return out + ['--labels=%s=%s' % pair for pair in config['labels'].items()]


def reference(raw):
    pipeline = beam_runner_api_pb2.Pipeline.FromString(raw)
    if pipeline.SerializeToString(deterministic=True) != raw:
        sys.exit('our pipeline is not serialized as the SDK would do it')
    GoogleCloudOptions._warn_if_soft_delete_policy_enabled = lambda *args, **more: None    # would ask Cloud Storage
    options = PipelineOptions(flags(G.CONFIG))
    dataflow_runner._check_and_add_missing_options(options)
    dataflow_runner._check_and_add_missing_streaming_options(options)
    job = apiclient.Job(options, pipeline)
    job.proto.environment = apiclient.Environment(
        packages=[], options=options, environment_version='8', proto_pipeline=pipeline,
        proto_pipeline_staged_url=job.google_cloud_options.staging_location + '/pipeline.pb',
        pipeline_proto_hash=hashlib.sha256(raw).hexdigest()).proto
    made = json.loads(job.json())
    held = made['environment']['sdkPipelineOptions']
    made['environment']['sdkPipelineOptions'] = {'options': {k: v for k, v in held['options'].items() if k in KEPT}}
    return made


def main():
    ours, raw, _ = G.made('plain')
    texts = [json.dumps(G.normal_job(job, raw), indent=1, sort_keys=True).split('\n') for job in (reference(raw), ours)]
    different = list(difflib.unified_diff(*texts, 'apache-beam ' + apache_beam.__version__, 'hl7relay', lineterm='', n=2))
    print('\n'.join(different) or 'the same as apache-beam %s makes' % apache_beam.__version__)
    return 1 if different else 0


sys.exit(main())
