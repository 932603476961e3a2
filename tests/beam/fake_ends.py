#!/usr/bin/env python3
"""Everything that ends badly: services that are out, streams cut at every point, garbage on every stream, SIGTERM. A bundle
is never answered as done with a message that is neither delivered nor dead."""
import os
import random
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import world as W
from fn_api import Done, Fake, Stage, counted, element, entries, header, msg, shard, spec
from ledger import judge
from made import SEED, announce, tiny
from tap import check, equal, note, story, wait_for

HOLD = {'open_ms': 1000, 'shutdown': {'drain_timeout': '2s'}}


def worker_ends(f, wanted, what):
    equal(f.worker.wait(), wanted, what)


def garbage(f):
    """Descriptors that no pipeline of ours has; each must be refused with a reason, and nothing else may happen."""
    ok = lambda: Stage('g', f.port).source('a')
    log = f.dofn('log')
    loop = ok().pardo('x', log, 'a', out='b').pardo('y', log, 'b', out='a').sink('b')
    odd = ok().step('x', 'beam:transform:combine_globally:v1', b'', {'in': 'a'}, {'out': 'b'})
    cases = {
        'a loop': loop, 'a transform that is not ours': odd, 'two sources': ok().source('b', name='second'),
        'no source': Stage('g', f.port).sink('a'), 'a foreign ParDo': ok().step('x', 'beam:transform:pardo:v1', msg(_1=spec('beam:dofn:go:v1', b'{}')), {'in': 'a'}, {}),
        'no ParDo at all': ok().step('x', 'beam:transform:pardo:v1', b'\xff\xff', {'in': 'a'}, {}),
        'another version': ok().pardo('x', {**log, 'v': 2}, 'a', out='b'),
        'an unknown function': ok().pardo('x', {**log, 'do': 'dance'}, 'a', out='b'),
        'an unknown runner': ok().pardo('x', {**log, 'runner': 'NoRunner'}, 'a', out='b'),
        'no settings': ok().pardo('x', {k: v for k, v in f.dofn('ingest').items() if k != 'settings'}, 'a', out='b'),
        'bad settings': ok().pardo('x', {**f.dofn('ingest'), 'settings': {'project_id': 'p', 'no_such_key': 1}}, 'a', out='b'),
        'elements of the wrong kind': Stage('g', f.port).source('a', 'w_sized').pardo('x', log, 'a', out='b'),
        'an unknown coder': Stage('g', f.port).source('a', 'w_nothing'),
        'an output that is not ours': ok().step('x', 'beam:transform:pardo:v1', msg(_1=msg(_1='beam:dofn:c:v1', _3='{"do":"log","v":1,"runner":"PrismRunner"}')),
                                                {'in': 'a'}, {'one': 'b', 'two': 'c'}),
        'a source without what moves its messages': Stage('g', f.port).source('a', 'w_sized').pardo(
            'x', f.dofn('pull'), 'a', urn='beam:transform:sdf_process_sized_element_and_restrictions:v1', out='b').sink('b'),
        'too many shards': ok().pardo('x', f.dofn('shards', shards=100000), 'a', out='b'),
        'no address': Stage('g', f.port).step('s', 'beam:runner:source:v1', msg(_2='w_bytes'), {}, {'i0': 'a'}),
    }
    wrong = []
    for n, (what, stage) in enumerate(cases.items()):
        stage.id = 'g%d' % n
        f.stage(stage)
        f.bundle('garbage-%d' % n, stage.id)
        done = Done(f.wait('garbage-%d' % n))
        if done.ok or not done.error:
            wrong.append((what, done.error))
    equal(wrong, [], '%d descriptors that are not ours are refused with a reason' % len(cases))
    rng = random.Random(SEED)
    whole = Stage('r', f.port).source('a').pardo('x', log, 'a', out='b').sink('b').bytes()
    for n in range(60):
        cut = bytearray(whole)
        for _ in range(rng.randrange(1, 8)):
            cut[rng.randrange(len(cut))] = rng.randrange(256)
        f.say('stage', 'r%d' % n, bytes(cut[:rng.randrange(1, len(cut))] if n % 2 else cut).hex())
        f.bundle('random-%d' % n, 'r%d' % n)
    for n in range(60):
        f.wait_or_open('random-%d' % n)
    check(f.worker.is_running(), 'and sixty more, broken at random, leave the worker standing')


with story(), W.World(durable=False) as w:
    w.furnish()
    stored = announce(w, [tiny(n) for n in range(30)])
    names = list(stored)

    with Fake(w, **HOLD) as f:
        f.fused()
        w.faults('ingest@destination:503')
        f.bundle('b1', 'fused')
        f.data('b1', b''.join(element(n) for n in names[:5]))
        check(not f.has_answer('b1') and 1002 in f.ask(_1002=msg(_1='b1')), 'an outage: the bundle holds, progress is answered')
        done = Done(f.wait('b1'))
        check(not done.ok and 'acknowledged' in done.error, 'and fails in the end: nothing may be acknowledged', done.error)
        w.faults()

        def again():
            f.last_ids += 1
            i = 'again-%d' % f.last_ids
            f.bundle(i, 'fused')
            f.data(i, b''.join(element(n) for n in names[:5]))
            return Done(f.wait(i)).ok
        wait_for('the bundle to pass when the destination is back', again)
        check(True, 'tried again after the outage it passes')

        w.faults('ingest@destination:503')
        f.bundle('b2', 'fused')
        f.data('b2', element(names[6]))
        wait_for('the message to be under way', lambda: 1002 in f.ask(_1002=msg(_1='b2')))
        f.worker.signal(signal.SIGTERM)
        done = Done(f.wait('b2'))
        check(not done.ok, 'SIGTERM: a bundle of the runner\'s leases is answered with an error', done.error)
        worker_ends(f, 0, 'and the worker ends with 0')
        w.faults()

    with Fake(w, **HOLD) as f:
        garbage(f)

    with Fake(w, **HOLD) as f:
        f.pulling()
        w.faults('ingest@destination:503')

        def held():
            f.last_ids += 1
            i = 'p-%d' % f.last_ids
            f.bundle(i, 'pulling')
            f.data(i, shard(1))
            done = Done(f.wait(i))
            return done if done.finalize else None
        done = wait_for('a poll that finds messages', held)
        equal((done.ok, done.counters['Ingested'], len(done.residuals)), (True, 0, 1), 'our leases in an outage: given back, the bundle is answered')
        equal(w.backlog(), 30, 'and nothing is acknowledged')
        f.say('send', 'control', 'ffff')
        worker_ends(f, 1, 'garbage on the control stream ends the worker')
        w.faults()

    with Fake(w) as f:
        f.fused()
        f.bundle('b', 'fused')
        f.data('b', b'')
        f.wait('b')
        f.say('send', 'data', 'ffff')
        worker_ends(f, 1, 'garbage on the data stream too')

    # streams that break, at every point of a bundle
    for what, words in (('control reset', ('reset', 'control')), ('control unavailable', ('end', 'control', '14')),
                        ('data reset', ('reset', 'data')), ('data ended', ('end', 'data', '0')), ('connection cut', ('cut', 'x'))):
        for point in ('asked', 'half in', 'working', 'early'):
            with Fake(w, **HOLD) as f:
                f.fused()
                f.bundle('warm', 'fused')
                f.data('warm', b'')
                f.wait('warm')
                w.faults('ingest@destination:slow:ms=3000-3000')
                if point != 'early':
                    f.bundle('b', 'fused')
                if point != 'asked':
                    f.data('b', element(names[7]), last=point == 'working')
                f.ask(_1006=b'')
                f.say(*words)
                code = f.worker.wait()
                done = Done(f.wait('b')) if f.has_answer('b') else None
                if code != 1 or (done is not None and done.ok):
                    check(False, '%s while %s' % (what, point), (code, done is None or done.error))
    check(True, 'twenty ways to lose the runner: exit 1, and no bundle answered as done')
    w.faults()

    with Fake(w) as f:
        f.worker.kill()
        f.say('provision', '')
        f.start_worker(wait=False)
        worker_ends(f, 1, 'no endpoints in the provision info: the worker says so and ends')
        check('control' in f.worker.said(), 'with a reason')

    with Fake(w) as f:
        f.say('end', 'logging', '0')
        f.fused()
        f.bundle('b', 'fused')
        f.data('b', element(names[8]))
        check(Done(f.wait('b')).ok, 'without a logging stream the work goes on')
        f.fused('other')
        f.settings = {**f.settings, 'lease': {'max_hold': '77m'}}
        f.fused('other')
        f.bundle('o', 'other')
        f.data('o', b'')
        check('another pipeline' in Done(f.wait('o')).error, 'a second pipeline is refused')
        f.instruct('odd', _1999=b'')
        check(b'unsupported' in f.wait('odd').get(2, [b''])[0], 'an unknown instruction is answered with an error')

    with Fake(w, dead_letter={'sink': 'file://' + w.path('dead')}) as f:
        f.fused()
        f.bundle('b', 'fused')
        check('kept_volume' in Done(f.wait('b')).error, 'a dead-letter disk that goes with the worker is refused')
    ledger = judge(w, stored)
    equal((ledger.lost, ledger.altered), ([], []), 'nothing is lost')
