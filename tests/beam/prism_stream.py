#!/usr/bin/env python3
"""Prism, streaming from the subscription: acknowledgements follow finalization; a worker killed in mid-bundle ends the job, the
next one goes on, nothing is lost; idle costs nearly nothing."""
import os
import signal

import beam_lib  # noqa: F401
import streamed as S
import world as W
from runners import Job, Pool, Runner, need
from tap import check, equal, story, wait_for

need('prism', 'a streaming job on Prism')
FIRST, MORE = 200, 600


def start(w, prism, pool, *flags):
    job = Job(w, prism, 'PrismRunner', '--environment_type', 'EXTERNAL', '--environment_config', pool.place, *flags)
    wait_for('the job to run', lambda: job.state() == 'RUNNING' or not job.is_running())
    wait_for('a worker', lambda: pool.workers() or not job.is_running())
    return job


def bundles_hold_acknowledgements(w, prism, pool):
    """One shard is one bundle at a time; a slow message keeps it open, and then nothing of it may be acknowledged."""
    w.faults('ingest@destination:slow:ms=6000-6000,first=1')
    S.add(w, FIRST)
    job = start(w, prism, pool, '--beam_shards', '1')
    wait_for('all but the slow one', lambda: S.arrived(w) >= FIRST - 1)
    equal(w.backlog(), FIRST, 'while a bundle is open nothing of it is acknowledged')
    S.all_arrive(w, 'the slow one')
    S.all_acknowledged(w, 'the acknowledgements')
    wait_for('the counters', lambda: job.counters().get('Ingested') == FIRST)
    equal(job.counters(), {'Fetched': FIRST, 'FailedFetch': 0, 'Ingested': FIRST, 'FailedIngest': 0}, 'the counters are the ledger')
    job.signal(signal.SIGINT)
    equal(job.wait(), 0, 'Ctrl-C cancels, with exit code 0')
    equal(job.state(), 'CANCELLED', 'and the job is CANCELLED')


def a_worker_is_killed(w, prism, pool):
    w.faults('ingest@destination:slow:ms=300-900')
    w.config(flow={'max_concurrency': 16}, dead_letter={'sink': 'file://' + w.path('dead'), 'kept_volume': True})
    job = start(w, prism, pool)
    before = S.arrived(w)
    S.add(w, MORE)
    wait_for('some of them', lambda: S.arrived(w) >= before + 30)
    for pid in pool.workers():
        os.kill(pid, signal.SIGKILL)
    equal(job.wait(60), 1, 'a lost worker ends the job, and submit says so')
    check(w.backlog() > 0 and S.arrived(w) < len(w.stored), 'it was in the middle', w.backlog())
    w.faults()
    job = start(w, prism, pool)
    S.all_arrive(w, 'the rest, once the leases of the dead worker have lapsed')
    S.all_acknowledged(w, 'its acknowledgements')
    S.nothing_lost(w, 'worker killed, job submitted again')
    S.idle([prism.process.pid, pool.process.process.pid, *pool.workers()], 10, 0.05, 'an idle job, runner and worker')
    job.signal(signal.SIGTERM)
    equal(job.wait(), 0, 'SIGTERM cancels as well')


with story(), W.World() as w:
    S.furnish(w)
    with Runner('prism', w) as prism, Pool(w) as pool:
        bundles_hold_acknowledgements(w, prism, pool)
        a_worker_is_killed(w, prism, pool)
