#!/usr/bin/env python3
"""`run --max-messages N` takes so many and ends; `run --dry-run N` says what would become of them and changes nothing."""
import json

import lib  # noqa: F401
import world as W
from ledger import judge
from made import announce, generated, tiny
from rest import list_names, message_id
from tap import check, equal, story

COUNT = 120


def some(w, config, *flags, timeout=120):
    return w.run('run', '--config_path', config, '--status_listen', '', *flags, timeout=timeout)


def max_messages():
    with W.World() as w:
        w.furnish()
        config = w.config()
        stored = announce(w, generated(COUNT))
        code, out, err = some(w, config, '--max-messages', 50)
        equal(code, 0, 'ends with 0 after so many')
        equal(len(list_names(w.rest, W.DEST)), 50, 'neither fewer nor more')
        equal(w.backlog(), COUNT - 50, 'which alone were acknowledged')
        check('"received":50' in err, 'its ledger says the same', err[-600:])
        w.faults('ingest@destination:503:p=0.3')
        code, out, err = some(w, config, '--max_messages', COUNT - 50)
        equal((code, w.backlog()), (0, 0), 'each was brought to its outcome, through retries')
        ledger = judge(w, stored)
        equal((ledger.identical, ledger.lost), (COUNT, []), 'and all are there')


def dry_run():
    with W.World(accept_all='source') as w:
        w.furnish(ack_deadline=600)
        config = w.config()
        announce(w, generated(20))
        announce(w, generated(3, '--malformed'))
        gone = list(announce(w, [tiny(1)]))
        w.rest.expect('DELETE', '/v1/' + gone[0])
        w.publish([b'SECRET', (W.PARENT + '/hl7V2Stores/other/messages/' + message_id(b'x')).encode(), b''])
        before = w.backlog()
        code, out, err = some(w, config, '--dry-run', 1000, '--json')
        rows = [json.loads(line) for line in out.split('\n') if line]
        would = {}
        for r in rows:
            if r['type'] == 'dry_run':
                would[r['would']] = would.get(r['would'], 0) + 1
        equal((code, would), (0, {'deliver': 20, 'doubt': 3, 'dead': 3, 'skip': 1}), 'says what would become of each')
        check('SECRET' not in out + err and any(r.get('hl7_type') for r in rows), 'shows types and sizes, not what is no name', out[:500])
        equal((w.backlog(), list_names(w.rest, W.DEST)), (before, []), 'nothing was acknowledged or ingested')
        code, out, err = some(w, config, '--dry-run', 5)
        check(code == 0 and out.count('\n') == 6 and '5 messages were looked at' in out, 'no more than asked for, given back at once', out + err)
        w.faults('get@source:503')
        code, out, err = some(w, config, '--dry-run', 5, '--json')
        check(code == 0 and '"would":"later"' in out, 'a source that fails: later', out + err)
        w.faults()
        code, out, err = some(w, config, '--max-messages', before)
        equal((code, w.backlog()), (3, 0), 'the relay then does it: 3, for there were dead letters')
        check('"delivered":20,"dead":6,"skipped":1' in err, 'as was said', err[-600:])


with story():
    max_messages()
    dry_run()
