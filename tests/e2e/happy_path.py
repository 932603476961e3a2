#!/usr/bin/env python3
"""A thousand messages go from one store to the other, each once, and the counters say the same."""
import json

import lib  # noqa: F401  (the path to tests/lib)
import world as W
from ledger import judge
from made import announce, generated
from tap import check, equal, story, wait_for

COUNT = 1000

with story(), W.World() as w:
    w.furnish()
    w.config()
    w.start_relay()
    stored = announce(w, generated(COUNT))
    wait_for('all messages to be delivered', lambda: w.metric('hl7relay_messages_delivered_total') >= COUNT)
    counters = w.metrics()
    equal(counters['received'], sum(v for k, v in counters.items() if k != 'received'), 'the ledger is balanced')
    equal(w.metric('hl7relay_fetched_total'), COUNT, 'Fetched')
    equal(w.metric('hl7relay_ingested_total'), COUNT, 'Ingested')
    equal(w.metric('hl7relay_failed_fetch_total'), 0, 'FailedFetch')
    equal(w.metric('hl7relay_failed_ingest_total'), 0, 'FailedIngest')
    for path in ('/livez', '/readyz', '/', '/status.json'):
        check(w.page(path) is not None, path + ' answers 200')
    status = json.loads(w.page('/status.json'))
    commit = json.loads(w.run('version', '--json')[1].split('\n')[0])['commit']
    equal(status['commit'], commit, 'the status says which build it is')
    check(status['instance'].endswith('-%d' % w.relay.process.pid), 'and which process', status['instance'])
    wait_for('the retention to be known', lambda: w.metric('hl7relay_retention_seconds') == 7 * 86400)
    equal(json.loads(w.page('/status.json'))['retention_seconds'], 7 * 86400, 'and how long the subscription keeps what waits')
    equal(w.relay.stop(), 0, 'SIGTERM ends it with 0')
    ledger = judge(w, stored)
    equal(ledger.identical, COUNT, 'all are byte-identical in the destination')
    equal((ledger.lost, ledger.altered, ledger.unexpected, ledger.pending), ([], [], [], 0), 'nothing lost, altered, or from nowhere')
    code, out, _ = w.run('verify', '--config_path', w.path('config.json'), '--deep')
    equal(code, 0, 'verify --deep finds the same')
