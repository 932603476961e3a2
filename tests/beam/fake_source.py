#!/usr/bin/env python3
"""The C source and its acknowledgements: nothing is acknowledged before finalization, whatever finalization does: late,
twice, for bundles that nobody knows, without an id, never."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import world as W
from fn_api import Done, Fake, Stage, counted, element, fields, map_of, one, read_varint, shard
from ledger import judge
from made import announce, tiny
from tap import check, equal, note, story, wait_for

PROCESS = 'beam:transform:sdf_process_sized_element_and_restrictions:v1'


def poll(f, bundle, shards=1):
    f.bundle(bundle, 'pulling')
    f.data(bundle, b''.join(shard(n) for n in range(shards)))
    return Done(f.wait(bundle))


def poll_until(f, wanted, prefix):
    """Polls as a runner does, until so many messages came; the ids of the bundles that want finalization."""
    wants, seen, n = [], 0, 0

    def enough():
        nonlocal seen, n
        n += 1
        done = poll(f, '%s-%d' % (prefix, n))
        seen += done.counters['Ingested'] + done.counters['FailedFetch'] + done.counters['FailedIngest']
        if done.finalize:
            wants.append('%s-%d' % (prefix, n))
        return seen >= wanted
    wait_for('%d messages' % wanted, enough, 60)
    return wants


with story(), W.World(durable=False) as w:
    w.furnish(ack_deadline=10)
    with Fake(w) as f:
        # the stage before: shards, pair, split
        dofn = f.dofn('pull', source='pull')
        s = Stage('shards', f.port).source('pc_imp').pardo('t_shard', f.dofn('shards', source='pull', shards=3), 'pc_imp', out='pc_shard')
        s.pardo('pair', dofn, 'pc_shard', urn='beam:transform:sdf_pair_with_restriction:v1', i0='nt_pair')
        s.pardo('split', dofn, 'nt_pair', urn='beam:transform:sdf_split_and_size_restrictions:v1', i0='nt_sized')
        s.sink('nt_sized', 'w_sized')
        f.stage(s)
        f.bundle('s1', 'shards')
        f.data('s1', element(b''))
        done = Done(f.wait('s1'))
        check(done.ok and not done.finalize, 'shards are made', done.error)
        f.closed('s1', 'write/nt_sized')
        equal(f.out[('s1', 'write/nt_sized')], shard(0) + shard(1) + shard(2), 'three shards, byte for byte')
        t = Stage('drain', f.port).source('nt_sized', 'w_sized')
        t.pardo('trunc', dofn, 'nt_sized', urn='beam:transform:sdf_truncate_sized_restrictions:v1', out='nt_none').sink('nt_none', 'w_sized')
        f.stage(t)
        f.bundle('t1', 'drain')
        f.data('t1', shard(0))
        check(Done(f.wait('t1')).ok and f.out.get(('t1', 'write/nt_none'), b'') == b'', 'a drain truncates a shard to nothing')

        f.pulling()
        done = poll(f, 'p0', shards=3)
        equal((done.ok, done.finalize, done.counters['Ingested']), (True, False, 0), 'a poll that finds nothing ends at once')
        equal(done.shards(), [shard(0), shard(1), shard(2)], 'every shard comes back as it came')
        r = done.residuals[0]
        a = fields(one(r, 1))
        equal((one(a, 1), one(a, 2), one(a, 5, 0)), (b't_pull/Process', b'in', 1), 'a residual names the step, its input, unbounded')
        equal(one(fields(one(r, 2)), 1, 0), 1, 'and is wanted again after a second')
        check(read_varint(map_of(a, 4)['out'], 1)[0] > 1700000000, 'with a watermark of its output')

        stored = announce(w, [tiny(n) for n in range(40)])
        wants = poll_until(f, 40, 'a')
        equal(w.backlog(), 40, 'nothing is acknowledged before finalization')
        f.finalize('nobody')
        equal(w.backlog(), 40, 'an unknown bundle finalizes nothing, and is answered')
        for bundle in wants:
            f.finalize(bundle, j='')
        wait_for('acknowledgements', lambda: w.backlog() == 0)
        check(True, 'finalized by requests with an empty id of their own: acknowledged')
        check(1004 in f.finalize(wants[0]), 'finalizing twice is answered')

        stored.update(announce(w, [tiny(n) for n in range(100, 120)]))
        poll_until(f, 20, 'b')
        equal(w.backlog(), 20, 'again nothing is acknowledged')
        f.finalize('')
        wait_for('acknowledgements', lambda: w.backlog() == 0)
        check(True, 'a finalization that names no bundle is for all that were answered')

        # faults of messages: dead letters, and acknowledged as the others
        names = [W.SOURCE + '/messages/bm8%02d' % n for n in range(3)]
        w.publish([n.encode() for n in names] + [b''])
        for bundle in poll_until(f, 3, 'c'):
            f.finalize(bundle)

        def rest():
            done = poll(f, 'cc-%d' % f.last_ids)
            if done.finalize:
                f.finalize('cc-%d' % f.last_ids)
            else:
                f.ask(_1006=b'')
            return w.backlog() == 0
        wait_for('dead letters to be acknowledged', rest)
        check(True, 'dead letters and the empty notification are acknowledged')

        # never finalized: kept while it may come, and redelivered when the worker is killed
        more = announce(w, [tiny(n) for n in range(200, 210)])
        stored.update(more)
        poll_until(f, 10, 'd')
        f.worker.kill()
        equal(w.backlog(), 10, 'killed before finalization: all of them come again')
        f.start_worker()
        f.answers.clear()
        for bundle in poll_until(f, 10, 'e'):
            f.finalize(bundle)
        wait_for('acknowledgements', lambda: w.backlog() == 0)
        check(True, 'and are acknowledged when their turn comes')

        # cancelled before finalization
        stored.update(announce(w, [tiny(n) for n in range(300, 305)]))
        poll_until(f, 5, 'f')
        f.say('end', 'control', '0')
        equal(f.worker.wait(), 0, 'the worker ends when the job is cancelled')
        equal(w.backlog(), 5, 'what was not finalized is not acknowledged')
    ledger = judge(w, stored, other_names=names)
    equal((ledger.lost, ledger.altered, ledger.dead, ledger.identical), ([], [], 3, 75), 'nothing is lost')
