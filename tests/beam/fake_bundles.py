#!/usr/bin/env python3
"""Bundles with the runner's leases: each message moved once, outputs closed, counters told in both forms, faults in the
failure outputs and in the dead letters; data that is early, cut into pieces, or bare of elements."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import world as W
from fn_api import Done, Fake, Stage, counted, element, fields, header, map_of, msg, names_in, one, read_varint
from ledger import judge
from made import announce, tiny
from tap import check, equal, story, wait_for

SINKS = ('write/pc_ok', 'write/pc_ff', 'write/pc_fi')

with story(), W.World(durable=False) as w:
    w.furnish()
    stored = announce(w, [tiny(n) for n in range(60)])
    names = list(stored)
    with Fake(w) as f:
        equal({i for s, i in f.calls}, {'w[1]'}, 'the id is sent with every call, without the quotes')
        f.fused()

        f.bundle('b1', 'fused')
        f.data('b1', b''.join(element(n) for n in names[:20]))
        done = Done(f.wait('b1'))
        check(done.ok and not done.error, 'a bundle is answered', done.error)
        equal(done.counters, counted(20, 0, 20, 0), 'its counters')
        f.closed('b1', *SINKS)
        equal((done.finalize, done.residuals), (False, []), 'no finalization, no residuals')
        equal([f.lasts.get(('b1', s)) for s in SINKS], [1, 1, 1], 'every output is closed once, the empty ones too')
        equal(sorted(names_in(f.out[('b1', 'write/pc_ok')])), sorted(names[:20]), 'what was delivered comes out by name')
        equal((done.elements['pc_msg'], done.elements['pc_fetched'], done.elements['pc_ff']), (20, 20, 0), 'element counts')

        short = list(done.short)
        known = map_of(fields(one(f.ask(_1005=msg(_1=short + ['deadbeef'])), 1005)), 1)
        equal(sorted(known), sorted(short), 'every short id is known, a foreign one is not')
        of = {}
        for k, v in known.items():
            labels = {a: b.decode() for a, b in map_of(fields(v), 4).items()}
            if 'NAME' in labels:
                of[labels['NAME']] = (labels['NAMESPACE'], labels['PTRANSFORM'], done.short[k])
        equal(of['Fetched'], ('HL7v2', 'Fetch Full/ParDo', 20), 'a short id names namespace and step')
        equal(of['FailedIngest'][1], 't_ingest', 'the writing step counts its own failures')

        # data before its instruction, in pieces that cut elements anywhere, with panes of every kind
        panes = [b'\x0f', b'\x1f\x05', b'\x25\x80\x01\x02', b'\x8f\x03abc', b'\x00']
        block = b''.join(element(n, header(pane=panes[i % 5])) for i, n in enumerate(names[20:30]))
        for at in range(0, len(block), 7):
            f.data('b2', block[at:at + 7], last=False)
        f.data('b2', b'')
        f.bundle('b2', 'fused')
        done = Done(f.wait('b2'))
        equal(done.counters, counted(10, 0, 10, 0), 'early data in pieces of seven bytes')
        f.closed('b2', 'write/pc_ok')
        check(header(pane=panes[1]) in f.out[('b2', 'write/pc_ok')], "an output has its input's header, pane and all")

        f.bundle('b3', 'fused')
        f.data('b3', b'')
        equal(Done(f.wait('b3')).counters, counted(0, 0, 0, 0), 'an empty bundle')

        # what goes wrong with a message is no fault of the bundle
        gone = W.SOURCE + '/messages/' + 'bm8tc3VjaA=='
        bad = ['not a name \r at all', W.SOURCE.replace('source', 'other') + '/messages/x', gone]
        f.bundle('b4', 'fused')
        f.data('b4', b''.join(element(n) for n in [*bad, names[30], '']))
        done = Done(f.wait('b4'))
        check(done.ok, 'a bundle with messages at fault is answered as done', done.error)
        equal(done.counters, counted(1, 3, 1, 0), 'and counts them')
        f.closed('b4', 'write/pc_ff')
        out = names_in(f.out[('b4', 'write/pc_ff')])
        equal(sorted(out), sorted(['not-a-name', *bad[1:]]), 'they come out by name; what is none is not shown')

        # a second bundle with the same message, and one message twice in a bundle
        f.bundle('b5', 'fused')
        f.data('b5', element(names[31]) * 3)
        done = Done(f.wait('b5'))
        check(done.ok and done.counters['Ingested'] in (1, 2, 3), 'the same message thrice in one bundle')

        f.fused('attributes', with_attributes=True)
        f.bundle('b6', 'attributes')
        f.data('b6', element(msg(_1=names[32], _2=[msg(_1='k', _2='v')], _3='m-1')))
        equal(Done(f.wait('b6')).counters, counted(1, 0, 1, 0), 'a read with attributes')
        f.bundle('b7', 'attributes')
        f.data('b7', element(b'\xff\xff\xff'))
        check('PubsubMessage' in Done(f.wait('b7')).error, 'what is no PubsubMessage fails its bundle with a reason')

        f.bundle('b8', 'fused')
        f.data('b8', element(names[33])[:-3])
        check('cut' in Done(f.wait('b8')).error, 'a last element that is cut fails its bundle')
        f.bundle('b9', 'fused')
        f.data('b9', header(pane=b'\x3f\1\1\1') + b'\0')
        check(Done(f.wait('b9')).error != '', 'what cannot be read fails its bundle')

        f.bundle('b10', 'nowhere')
        check('describe' in Done(f.wait('b10')).error, 'a stage that the runner does not describe')
        f.fused('nowhere')
        f.bundle('b11', 'nowhere')
        f.data('b11', b''.join(element(n) for n in names[33:]))
        equal(Done(f.wait('b11')).counters, counted(27, 0, 27, 0), 'and is asked for again')

        # cut between fetch and ingest: what crosses is the name, and the stage that writes fetches
        s = Stage('first-half', f.port).source('pc_logged')
        s.pardo('t_fetch', f.dofn('fetch', source='pubsub_read'), 'pc_logged', out='pc_fetched', failed_fetch='pc_ff').sink('pc_fetched')
        f.stage(s)
        s = Stage('second-half', f.port).source('pc_fetched')
        s.pardo('t_ingest', f.dofn('ingest', source='pubsub_read'), 'pc_fetched', out='pc_ok', failed_ingest='pc_fi').sink('pc_ok').sink('pc_fi')
        f.stage(s)
        f.bundle('h1', 'first-half')
        f.data('h1', b''.join(element(n) for n in [*names[50:55], gone]))
        done = Done(f.wait('h1'))
        f.closed('h1', 'write/pc_fetched')
        crossing = f.out[('h1', 'write/pc_fetched')]
        equal((done.ok, names_in(crossing)), (True, [*names[50:55], gone]), 'a fetch without its ingest passes names on')
        f.bundle('h2', 'second-half')
        f.data('h2', crossing)
        done = Done(f.wait('h2'))
        f.closed('h2', 'write/pc_fi')
        equal((done.counters, names_in(f.out[('h2', 'write/pc_fi')])), (counted(5, 1, 5, 0), [gone]), 'and the ingest does both')

        wait_for('log lines at the runner', lambda: any(b'worker_started' in one(e, 3) for e in f.logs))
        check(all(one(e, 1, 0) in range(1, 8) and one(e, 3) for e in f.logs), 'log lines have a severity and a text')
        check(not any(b'MSH|' in one(e, 3) for e in f.logs), 'and no message')

        f.say('end', 'control', '0')
        equal(f.worker.wait(), 0, 'the worker ends with 0 when the runner closes the control stream')
    ledger = judge(w, stored, other_names=bad)
    equal((ledger.identical, ledger.dead, ledger.lost, ledger.altered), (60, 3, [], []), 'nothing lost, dead letters on disk')
