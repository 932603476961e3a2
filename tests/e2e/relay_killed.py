#!/usr/bin/env python3
"""SIGKILL of the relay, ten times and more, while messages flow: nothing is lost, nothing is there twice."""
import os

import lib  # noqa: F401
import world as W
from ledger import judge
from made import announce, generated
from rest import list_names
from tap import check, equal, note, story, wait_for

COUNT = int(os.environ.get('E2E_MESSAGES', '3000'))
KILLS = 10

with story(), W.World(cloud_args=['--release-on-disconnect']) as w:
    w.furnish()
    w.config(flow={'max_concurrency': 32})
    stored = announce(w, generated(COUNT))
    w.faults('ingest@destination:slow:ms=10-40')    # so that a kill comes in the middle of something
    seen = 0
    for kill in range(KILLS):
        w.start_relay()
        wait_for('progress before kill %d' % (kill + 1), lambda: w.metric('hl7relay_messages_delivered_total') >= COUNT // (KILLS + 2))
        seen += int(w.metric('hl7relay_messages_delivered_total'))
        w.relay.kill()
    check(seen < COUNT, 'the kills came in the middle', 'all %d were delivered before the last kill' % seen)
    w.faults()
    w.start_relay()
    wait_for('every message to be there', lambda: len(list_names(w.rest, W.DEST)) >= COUNT, 180)
    wait_for('nothing in flight', lambda: w.metric('hl7relay_in_flight') == 0)
    note('%d delivered before the last kill, then received %d, dup %d' % (
        seen, w.metric('hl7relay_messages_received_total'), w.metric('hl7relay_messages_delivered_total', dup='1')))
    equal(w.relay.stop(), 0, 'SIGTERM ends it with 0')
    ledger = judge(w, stored)
    equal(ledger.identical, COUNT, 'all are byte-identical')
    equal((ledger.lost, ledger.altered, ledger.unexpected, ledger.dead), ([], [], [], 0), 'nothing lost, altered, from nowhere, dead')
