#!/usr/bin/env python3
"""The request that makes a Dataflow job and its pipeline, against our golden files and, where they are, against what the
Python SDK's own client made of the same pipeline. `dataflow_job.py --write` makes the golden files anew."""
import hashlib
import json
import os
import sys

import lib  # noqa: F401
import dataflow_golden as G
from tap import check, equal, skip, story


def text(value):
    return json.dumps(value, indent=1, sort_keys=True, default=lambda b: b.decode('latin-1')) + '\n'


def golden(name, kind, content):
    path = os.path.join(G.GOLDEN, '%s.%s.json' % (name, kind))
    if '--write' in sys.argv:
        os.makedirs(G.GOLDEN, exist_ok=True)
        with open(path, 'w') as f:
            f.write(content)
    with open(path) as f:
        equal(content, f.read(), '%s: the %s is as in %s' % (name, kind, os.path.relpath(path, G.W.TOP)))


with story():
    for name in G.CASES:
        job, pipeline, calls = G.made(name)
        options = job['environment']['sdkPipelineOptions']['options']
        equal(options['pipelineProtoHash'], hashlib.sha256(pipeline).hexdigest(), name + ': the digest is that of the pipeline')
        check(G.FOLDER.search(options['pipelineUrl']), name + ': the folder is of this submission alone', options['pipelineUrl'])
        equal(options['pipelineUrl'], options['staging_location'] + '/pipeline.pb', name + ': the pipeline is in the staging folder')
        golden(name, 'job', text(G.normal_job(job, pipeline)))
        golden(name, 'pipeline', text(G.normal_pipeline(pipeline, True)))
    job, pipeline, calls = G.made('plain')
    _, again, _ = G.made('plain')
    equal(again, pipeline, 'the same configuration gives the same bytes')
    check(calls.startswith('POST https://storage.googleapis.com/upload/storage/v1/b/my-bucket/o?uploadType=media&name=staging%2F'),
          'the dry run names the upload', calls)
    check('POST https://dataflow.googleapis.com/v1b3/projects/my-project/locations/us-central1/jobs\n' in calls,
          'and the call that makes the job', calls)
    if os.path.isdir(G.REFERENCE):
        with open(os.path.join(G.REFERENCE, 'handmade.job.normalised.json')) as f:
            reference = json.load(f)
        with open(os.path.join(G.REFERENCE, 'handmade.pipeline.pb'), 'rb') as f:
            reference_pipeline = f.read()
        equal(text(G.normal_job(job, pipeline)), text(G.normal_job(reference, reference_pipeline)),
              'the job equals what the Python SDK made')
        equal(text(G.normal_pipeline(pipeline, False)), text(G.normal_pipeline(reference_pipeline, False)),
              'and the pipeline what it took')
    else:
        skip('the Python SDK', 'the references in ../shared/beam-fixtures are no part of the project; '
             'tests/beam/dataflow_reference.py makes them')
