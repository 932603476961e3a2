#!/usr/bin/env python3
"""The destination is down in the middle: the relay holds, keeps its leases, buries nothing, and goes on by itself."""
import os
import time

import lib  # noqa: F401
import world as W
from ledger import judge
from made import announce, generated
from tap import check, equal, note, story, wait_for

COUNT = 600
OUTAGE_S = float(os.environ.get('E2E_OUTAGE_S', '15'))    # longer than a lease; a minute in the long form

with story(), W.World() as w:
    w.furnish(ack_deadline=10)
    w.config()
    w.start_relay()
    messages = generated(COUNT)
    stored = announce(w, messages[:COUNT // 3])
    wait_for('the first third', lambda: w.metric('hl7relay_messages_delivered_total') >= COUNT // 3)
    w.faults('ingest@destination:503')
    stored.update(announce(w, messages[COUNT // 3:]))
    wait_for('the relay to hold', lambda: w.metric('hl7relay_held') >= 1)
    delivered = w.metric('hl7relay_messages_delivered_total')
    check(w.page('/livez') is not None, 'it lives while it holds')
    check(w.page('/readyz') is None, 'and is not ready')
    began = time.monotonic()
    wait_for('the outage to last', lambda: time.monotonic() - began > OUTAGE_S, OUTAGE_S + 60)
    equal(w.metric('hl7relay_messages_dead_total'), 0, 'nothing is dead after the outage')
    check(w.metric('hl7relay_messages_delivered_total') - delivered <= 64, 'nothing but stragglers was delivered meanwhile')
    w.faults()
    wait_for('the rest, by itself', lambda: w.metric('hl7relay_messages_delivered_total') >= COUNT, 120)
    equal(w.metric('hl7relay_messages_dead_total'), 0, 'no dead letter in the end')
    note('redelivered %d, leases expired %d' % (w.metric('hl7relay_redelivered_total'), w.metric('hl7relay_lease_expired_total')))
    equal(w.metric('hl7relay_lease_expired_total'), 0, 'no lease ended while it held')
    equal(w.relay.stop(), 0, 'SIGTERM ends it with 0')
    ledger = judge(w, stored)
    equal((ledger.identical, ledger.lost, ledger.dead, ledger.altered), (COUNT, [], 0, []), 'everything is there, nothing is dead')
