#!/usr/bin/env python3
"""Hundreds of bundles at once, both kinds, while the runner asks for progress and splits without end: every bundle is
answered once, every question within moments, and the counters add up."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import world as W
from fn_api import Done, Fake, element, msg, shard
from ledger import judge
from made import announce, tiny
from tap import check, equal, note, story, wait_for

BUNDLES, EACH = 150, 4
PATIENCE = 2.0 * float(os.environ.get('E2E_PATIENCE', '1'))    # a question that waits for a bundle would wait for longer

with story(), W.World(durable=False) as w:
    w.furnish()
    stored = announce(w, [tiny(n) for n in range(BUNDLES * EACH)])
    names = list(stored)
    with Fake(w) as f:
        f.fused()
        f.bundle('first', 'fused')
        f.data('first', b'')
        f.wait('first')
        w.faults('ingest@destination:slow:ms=3000-4000')
        wait_for('the rule', lambda: 'slow' in open(w.path('faults.json')).read())
        for b in range(BUNDLES):
            block = b''.join(element(n) for n in names[b * EACH:(b + 1) * EACH])
            order = [lambda i='b%d' % b: f.bundle(i, 'fused'), lambda i='b%d' % b, d=block: f.data(i, d[:50], last=False),
                     lambda i='b%d' % b, d=block: f.data(i, d[50:])]
            for step in (order if b % 2 else [order[1], order[2], order[0]]):    # every second one: data first
                step()
        slowest, asked = 0, 0
        for n in range(300):
            b = 'b%d' % (n % (BUNDLES + 3))    # three are unknown
            progress = f.ask(_1002=msg(_1=b))
            slowest = max(slowest, f.took)
            split = f.ask(_1003=msg(_1=b, _3=[msg(_1='read/fn', _2=msg(_1=0.5, _2=EACH))]))
            slowest = max(slowest, f.took)
            asked += (1002 in progress) + (1003 in split and split[1003] == [b'']) - (2 in progress) - (2 in split)
        equal(asked, 600, 'progress and splits are answered by the message of their kind, known bundle or not')
        check(slowest < PATIENCE, 'each within moments', slowest)
        note('the slowest of 600 took %.1f ms' % (slowest * 1000))
        answers = [Done(f.wait('b%d' % b)) for b in range(BUNDLES)]
        equal([a.error for a in answers if not a.ok], [], '%d bundles at once are answered' % BUNDLES)
        equal(sum(a.counters['Ingested'] for a in answers), BUNDLES * EACH, 'and their counters add up')
        def closed():    # on another stream than the answers
            return sum(f.lasts.get(('b%d' % b, s), 0) for b in range(BUNDLES) for s in ('write/pc_ok', 'write/pc_ff', 'write/pc_fi'))
        wait_for('the outputs to be closed', lambda: closed() >= 3 * BUNDLES)
        equal(closed(), 3 * BUNDLES, 'each output is closed once')
        w.faults()
        f.data('late', b'')
        check(Done(f.ask(_1001=msg(_1='fused'), instruction='late')).ok, 'and the worker goes on')
    # the same with our leases, in a worker of its own
    with Fake(w) as f:
        f.pulling()
        ids, seen, n = [], 0, 0
        end = time.monotonic() + 60 * float(os.environ.get('E2E_PATIENCE', '1'))
        while w.backlog() > 0 and time.monotonic() < end:
            batch = ['p%d' % (n + i) for i in range(50)]
            n += len(batch)
            for b in batch:
                f.bundle(b, 'pulling')
                f.data(b, shard(1))
            for b in batch:
                done = Done(f.wait(b))
                seen += done.counters['Ingested']
                if done.finalize:
                    f.finalize(b)
        equal(w.backlog(), 0, 'fifty polls at once, over and over: all is acknowledged')
        equal(seen, BUNDLES * EACH, 'and each message counted once')
    ledger = judge(w, stored)
    equal((ledger.identical, ledger.lost, ledger.altered), (BUNDLES * EACH, [], []), 'nothing is lost')
