#!/usr/bin/env python3
"""Every kind of message at fault ends in a durable dead letter with its own reason, and stops nothing else."""
import json

import lib  # noqa: F401
import dead_letters
import world as W
from ledger import judge
from made import announce, generated, tiny
from rest import create, in_threads, message_id
from tap import check, equal, story, wait_for

GOOD = 200

with story(), W.World(accept_all='source') as w:
    w.furnish()
    w.config()
    stored = announce(w, generated(GOOD))
    bad = announce(w, generated(5, '--malformed'))
    huge = tiny(1) + b'NTE|1||' + b'x' * 11_000_000 + b'\r'
    bad[create(w.rest, W.SOURCE, huge)] = huge
    gone = announce(w, [tiny(n) for n in range(10, 13)])
    for name in gone:
        w.rest.expect('DELETE', '/v1/' + name)
    junk = {
        'bad_path': ['not a name', W.SOURCE + '/messages/../../x', W.SOURCE + '/messages/', 'gs://bucket/object',
                     W.SOURCE + '/messages/a%2fb', W.SOURCE + '/messages/x\r\nHost: y', '{"name":"' + W.SOURCE + '/messages/a"}',
                     W.SOURCE + '/messages/' + 'A' * 4000],
        'foreign_store': [W.PARENT + '/hl7V2Stores/other/messages/' + message_id(b'x')],
    }
    names = [n for group in junk.values() for n in group]
    w.publish([n.encode() for n in names] + [b'\xff\xfe\x00binary'])
    empty = w.publish([b'', b''])
    w.start_relay()
    total = len(bad) + len(gone) + len(names) + 1
    wait_for('all dead letters', lambda: w.metric('hl7relay_messages_dead_total') >= total, 90)
    wait_for('the good ones', lambda: w.metric('hl7relay_messages_delivered_total') >= GOOD)
    wait_for('the empty ones', lambda: w.metric('hl7relay_messages_skipped_total') >= len(empty))
    wait_for('nothing in flight', lambda: w.metric('hl7relay_in_flight') == 0)
    equal(w.relay.stop(), 0, 'SIGTERM ends it with 0')

    ledger = judge(w, {**stored, **bad}, list(gone) + names, empty)
    equal((ledger.identical, ledger.lost, ledger.altered, ledger.unexpected), (GOOD, [], [], []), 'the good ones are there, nothing is lost')
    equal(ledger.skipped, len(empty), 'each empty notification is on record')
    equal(ledger.pending, 0, 'nothing is left in the subscription')
    records = dead_letters.read(w.path('dead'))
    reasons = dead_letters.by_announcement(records)
    for name in gone:
        equal(reasons[name]['reason'], 'source_not_found', 'deleted at the source: source_not_found')
    equal(reasons[next(n for n, d in bad.items() if d == huge)]['reason'], 'too_large', '11 MB: too_large')
    for name, data in bad.items():
        if data != huge:
            equal(reasons[name]['reason'], 'dest_nack', 'malformed: dest_nack')
    by_reason = {}
    for r in records:
        by_reason[r.get('reason')] = by_reason.get(r.get('reason'), 0) + 1
    equal(by_reason.get('bad_path', 0) + by_reason.get('decode_error', 0), len(junk['bad_path']) + 1, 'junk payloads: bad_path or decode_error')
    equal(by_reason.get('foreign_store'), 1, 'another store: foreign_store')
    check(all(r['first'] and r['last'] and r['written'] and (r['stage'] or r['kind'] == 'skipped') for r in records),
          'each record has its stage and times', records[0])
    code, out, _ = w.run('dead', 'list', '--config_path', w.path('config.json'), '--json')
    listed = [json.loads(line) for line in out.split('\n') if line]
    shown = [x for x in listed if x.get('reason')]
    check(code == 0 and len(shown) >= total, '`dead list` shows as many', '%d: %d of %d' % (code, len(shown), total))
