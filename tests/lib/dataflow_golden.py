"""What `submit --runner DataflowRunner --dry-run` writes, in a form that can be compared.

Normalised, and why:
  clientRequestId, the time in folder names    differ each time; checked for their form
  userAgent                                    the Python SDK's own name against ours
  pipelineProtoHash                            checked against the bytes of pipeline.pb
  experiments, capabilities                    their order means nothing
  payloads of our DoFns                        in a comparison with the reference: only their first word, `do`
"""
import hashlib
import json
import os
import re
import tempfile

import beam_proto
import world as W

GOLDEN = os.path.join(W.TOP, 'tests/golden/dataflow')
REFERENCE = os.path.join(W.TOP, '../shared/beam-fixtures/dataflow')
CONFIG = {
    'project_id': 'my-project', 'region': 'us-central1',
    'source_hl7v2_store': 'projects/my-project/locations/us-central1/datasets/d/hl7V2Stores/source',
    'dest_hl7v2_store': 'projects/my-project/locations/us-central1/datasets/d/hl7V2Stores/destination',
    'pubsub_subscription': 'projects/my-project/subscriptions/my-sub',
    'staging_location': 'gs://my-bucket/staging', 'temp_location': 'gs://my-bucket/temp/', 'setup_file': './setup.py',
    'worker_machine_type': 'n1-standard-2', 'min_num_workers': 1, 'max_num_workers': 10,
    'service_account_email': 'sa@my-project.iam.gserviceaccount.com',
    'sdk_container_image': 'registry.example/my-project/r/img:1', 'labels': {'app': 'hl7relay'},
    'dead_letter': {'sink': 'none'}, 'runner': 'DataflowRunner',
}
# name: keys beside CONFIG
CASES = {
    'plain': {},
    'without_attributes': {'pubsub_with_attributes': False},
    'every_option': {
        'network': 'default', 'subnetwork': 'regions/us-central1/subnetworks/default', 'use_public_ips': True, 'disk_size_gb': 30,
        'dataflow_kms_key': 'projects/my-project/locations/us-central1/keyRings/r/cryptoKeys/k', 'num_workers': 3,
        'min_num_workers': 2, 'autoscaling_algorithm': 'NONE', 'dataflow_service_options': ['enable_prime'],
        'experiments': ['my_experiment', 'use_runner_v2'], 'job_name': 'copy-2', 'flow': {'max_concurrency': 64},
        'retry_config': {'max_retries': 7},
    },
}
FOLDER = re.compile(r'\.\d{10}\.\d{6}\b')


def made(name):
    """(job.json, pipeline.pb, stdout) of a dry run."""
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, 'config.json')
        with open(config, 'w') as f:
            json.dump({**CONFIG, **CASES[name]}, f)
        code, out, err = W.run('submit', '--config_path', config, '--dry-run', os.path.join(folder, 'out'))
        if code != 0:
            raise RuntimeError('dry run: exit code %d: %s' % (code, err))
        with open(os.path.join(folder, 'out/job.json')) as f, open(os.path.join(folder, 'out/pipeline.pb'), 'rb') as p:
            return json.load(f), p.read(), out


def normal_job(job, pipeline=None):
    job = json.loads(FOLDER.sub('.1700000000.000000', json.dumps(job)))
    options = job['environment']['sdkPipelineOptions']['options']
    if pipeline is not None and options['pipelineProtoHash'] == hashlib.sha256(pipeline).hexdigest():
        options['pipelineProtoHash'] = 'the digest of the pipeline'
    job['clientRequestId'] = ''
    del job['environment']['userAgent']
    options['experiments'].sort()
    job['environment']['experiments'].sort()
    for pool in job['environment']['workerPools']:
        for image in pool['sdkHarnessContainerImages']:
            image['capabilities'].sort()
    return job


def normal_pipeline(raw, with_settings):
    p = beam_proto.pipeline(raw)
    for t in p['components']['transforms'].values():
        t['unique_name'] = t['unique_name'].replace('PubSub', 'Pub/Sub')    # the reference was authored so
        payload = t['spec']['payload']
        if 'do_fn' in payload:
            text = payload['do_fn']['payload'].decode()
            do = json.loads(text) if text.startswith('{') else {'do': text}
            payload['do_fn']['payload'] = do if with_settings else do['do']
    return p
