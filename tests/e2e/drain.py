#!/usr/bin/env python3
"""SIGTERM under load: what is finished is acknowledged, what is not is given back at once, and the exit code is 0."""
import signal
import time

import lib  # noqa: F401
import world as W
from ledger import judge
from made import announce, generated
from tap import check, equal, note, story, wait_for

COUNT = 1500

with story(), W.World() as w:
    w.furnish(ack_deadline=600)
    w.config(flow={'max_concurrency': 16})
    w.faults('ingest@destination:slow:ms=50-150')
    stored = announce(w, generated(COUNT))
    w.start_relay()
    wait_for('a part of the work', lambda: w.metric('hl7relay_messages_delivered_total') > 50)
    began = time.monotonic()
    equal(w.relay.stop(), 0, 'SIGTERM under load ends with 0')
    note('drained in %.2f s' % (time.monotonic() - began))
    check(time.monotonic() - began < 22, 'within the drain time')
    backlog = w.backlog()
    ledger = judge(w, stored)
    equal(ledger.lost, [], 'each message is delivered or in the subscription')
    check(0 < ledger.identical < COUNT, 'it was in the middle', ledger.identical)
    equal(ledger.pending, COUNT - ledger.identical, 'what was given back is free at once')
    equal(backlog, COUNT - ledger.identical, 'and what was finished is acknowledged')
    w.publish([name.encode() for name in list(stored)[:200]])
    w.start_relay()
    wait_for('more work', lambda: w.metric('hl7relay_in_flight') > 0)
    w.relay.signal(signal.SIGTERM)
    wait_for('the drain to begin', lambda: 'draining' in w.relay.said())
    w.relay.signal(signal.SIGTERM)
    code = w.relay.wait(10)
    check(code in (0, 130), 'a second signal ends it fast', code)
