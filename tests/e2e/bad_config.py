#!/usr/bin/env python3
"""Every mistake in a configuration gets one clear answer: what, where, what to do; exit 78; nothing is started."""
import json

import lib  # noqa: F401
import world as W
from tap import check, equal, story

GOOD = {
    'project_id': 'p', 'region': 'us-central1', 'source_hl7v2_store': W.SOURCE, 'dest_hl7v2_store': W.DEST,
    'pubsub_subscription': W.SUBSCRIPTION,
}
# what is changed, words that the answer must hold
ROWS = [
    ({'source_hl7_store': 'x'}, ['unknown key', 'source_hl7_store', 'source_hl7v2_store']),
    ({'flow': {'max_concurency': 3}}, ['unknown key', 'max_concurency', 'max_concurrency']),
    ({'project_id': None}, ['missing', 'project_id']),
    ({'pubsub_subscription': 'my-subscription'}, ['pubsub_subscription', 'projects/P/subscriptions/S']),
    ({'source_hl7v2_store': 'projects/p/hl7V2Stores/s'}, ['source_hl7v2_store', 'hl7V2Stores']),
    ({'dest_hl7v2_store': W.SOURCE}, ['same store']),
    ({'fetch_timeout_sec': 'soon'}, ['fetch_timeout_sec']),
    ({'fetch_timeout_sec': True}, ['fetch_timeout_sec']),
    ({'retry_config': {'max_retries': 0}}, ['max_retries', '1']),
    ({'retry_config': 5}, ['retry_config']),
    ({'runner': 'DataflowRunner'}, ['missing', 'sdk_container_image', 'staging_location', 'dead_letter.kept_volume']),
    ({'runner': 'Dataflow'}, ['runner']),
    ({'encryption_key_file': 'k'}, ['encryption_key_file', 'not in this version']),
    ({'audit': 'file:///x'}, ['audit', 'not in this version']),
    ({'healthcare_endpoint': 'http://example.com'}, ['healthcare_endpoint', 'https']),
    ({'dead_letter': {'sink': 's3://bucket'}}, ['dead_letter.sink', 'file:///']),
    ({'log': {'log_message_content': True}}, ['phi_logging_until']),
    ({'status_listen': '127.0.0.1:99999'}, ['status_listen']),
    ({'project_id': 'p\r\nx: y'}, ['project_id']),
]


def answer(w, text, **env):
    path = w.write('bad.json', text)
    return w.run('check', '--config_path', path, env=env)


with story(), W.World() as w:
    for change, words in ROWS:
        config = {k: v for k, v in {**GOOD, **change}.items() if v is not None}
        code, out, err = answer(w, json.dumps(config, indent=2))
        name = ', '.join(change)
        talk = err + out
        ok = code == 78 and 'E-CFG-' in talk and all(word.lower() in talk.lower() for word in words)
        check(ok, '%s: refused with 78, and says %s' % (name, ' / '.join(words)), 'exit %d\n%s' % (code, talk[:1500]))
        check('bad.json:' in talk or 'missing' in words, name + ': says where', talk[:600])    # what is missing is nowhere
    texts = {
        'an empty file': '', 'not JSON': 'project_id: p', 'a comma too many': '{"project_id": "p",}', 'an array': '[]',
        'a comment': '{"project_id": "p" // mine\n}', 'cut off': json.dumps(GOOD)[:40], 'a key twice': '{"region": "a", "region": "b"}',
        'deep nesting': '{"flow":' * 200, 'a NUL': '{"region": "a\0b"}', 'no UTF-8': '{"region": "\udcff"}',
    }
    for name, text in texts.items():
        with open(w.path('bad.json'), 'wb') as f:
            f.write(text.encode('utf-8', 'surrogateescape'))
        code, out, err = w.run('run', '--config_path', w.path('bad.json'))
        check(code == 78 and 'error' in err, name + ': refused with 78', 'exit %d\n%s%s' % (code, out[:500], err[:500]))
    code, out, err = answer(w, json.dumps(GOOD), PUBSUB_EMULATOR_HOST='127.0.0.1:1')
    check(code == 78 and 'HEALTHCARE_EMULATOR_HOST' in err + out, 'an emulator together with a real store: refused', err + out)
    code, out, err = answer(w, json.dumps(GOOD))
    equal(code, 0, 'the same without mistakes: 0')
