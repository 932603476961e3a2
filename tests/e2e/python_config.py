#!/usr/bin/env python3
"""The Python pipeline's config.json with only its values changed: no key of ours; the local cloud by the emulator
variables. Keys without effect are named once in the log; the relay ends by itself with --until-empty."""
import json

import lib  # noqa: F401
import world as W
from ledger import judge
from made import announce, generated
from tap import check, equal, story

COUNT = 400
CONFIG = {
    'project_id': 'p',
    'region': 'us-central1',
    'source_hl7v2_store': W.SOURCE,
    'dest_hl7v2_store': W.DEST,
    'pubsub_subscription': W.SUBSCRIPTION,
    'staging_location': 'gs://bucket/staging',
    'temp_location': 'gs://bucket/temp',
    'setup_file': './setup.py',
    'worker_machine_type': 'n1-highmem-16',
    'min_num_workers': 1,
    'max_num_workers': 100,
    'executor_max_workers': 4,
    'fetch_timeout_sec': 500,
    'ingest_timeout_sec': 500,
    'retry_config': {'max_retries': 5, 'backoff_base': 2, 'max_wait_time': 30},
}

with story(), W.World() as w:
    w.furnish()
    stored = announce(w, generated(COUNT))
    path = w.write('pipeline.json', json.dumps(CONFIG, indent=4))
    local = {'PUBSUB_EMULATOR_HOST': '127.0.0.1:%d' % w.port, 'HEALTHCARE_EMULATOR_HOST': '127.0.0.1:%d' % w.port,
             'HL7RELAY_STATUS_LISTEN': '', 'HL7RELAY_DEAD_LETTER_SINK': 'file://' + w.path('dead'),
             'HL7RELAY_STATE_DIR': w.path('state')}
    code, out, err = w.run('--config_path', path, '--until-empty', '2s', env=local, timeout=120)
    equal(code, 0, 'called as the pipeline was, it ends with 0 when the subscription is quiet')
    talk = out + err
    for key in ('executor_max_workers', 'setup_file'):
        check(key in talk, 'the log names %s, which has no effect' % key)
    code, out, err = w.run('check', '--config-path', path, env=local)
    equal(code, 0, '`check` accepts it; - and _ are the same')
    ledger = judge(w, stored)
    equal((ledger.identical, ledger.lost), (COUNT, []), 'all are byte-identical')
