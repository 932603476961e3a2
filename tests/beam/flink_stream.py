#!/usr/bin/env python3
"""Flink, streaming from the subscription with checkpoints: acknowledgements follow completed checkpoints; a worker killed in
mid-bundle is replaced, the job resumes from its checkpoint, in-flight messages come again, nothing is lost."""
import os
import signal
import sys

import beam_lib  # noqa: F401
import streamed as S
import world as W
from runners import Job, Pool, Runner, descendants, is_worker, need
from tap import check, equal, note, story, wait_for

need('flink', 'a streaming job on Flink')
FIRST, MORE = 100, 400


def checkpoints(flink):
    return flink.said().count('Completed checkpoint ')


def start(w, flink, kind, *flags):
    job = Job(w, flink, 'FlinkRunner', '--environment_type', kind, '--state_backend', 'filesystem',
              '--state_backend_storage_path', 'file://' + w.path('checkpoints'), *flags)
    wait_for('the job to run', lambda: job.state() == 'RUNNING' or not job.is_running())
    return job


def acknowledgements_follow_checkpoints(w, flink, job):
    S.add(w, 1)
    S.all_arrive(w, 'a first message')
    S.all_acknowledged(w, 'its acknowledgement')
    for _ in range(3):    # a checkpoint may come between; the interval is long enough that it seldom does
        seen = checkpoints(flink)
        wait_for('a checkpoint', lambda: checkpoints(flink) > seen)
        seen = checkpoints(flink)
        S.add(w, FIRST)
        S.all_arrive(w, 'the messages')
        waiting = w.backlog()
        if checkpoints(flink) == seen:
            break
        S.all_acknowledged(w, 'the acknowledgements')
    equal((waiting, checkpoints(flink)), (FIRST, seen), 'all are copied, and before the next checkpoint none is acknowledged')
    S.all_acknowledged(w, 'the acknowledgements')
    check(checkpoints(flink) > seen, 'they came with a completed checkpoint')


def a_worker_is_killed(w, job, workers):
    w.faults('ingest@destination:slow:ms=300-900')
    before = S.arrived(w)
    S.add(w, MORE)
    wait_for('some of them', lambda: S.arrived(w) >= before + 30)
    first = wait_for('a worker to kill', workers)
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    check(S.arrived(w) < len(w.stored), 'a worker is killed in the middle')
    w.faults()
    wait_for('another worker', lambda: workers() and set(workers()) != set(first), 90)
    S.all_arrive(w, 'the rest', 180)
    S.all_acknowledged(w, 'the acknowledgements', 90)
    check(job.is_running() and job.state() == 'RUNNING', 'the job went on by itself', job.state())


def stop(job):
    job.signal(signal.SIGINT)
    code = job.wait(150)
    note('cancelled: exit code %d, %s (a [local] cluster goes on all the same: docs/BEAM.md)' % (code, job.state()))


KIND = sys.argv[1]    # PROCESS or EXTERNAL

with story(), W.World() as w:
    S.furnish(w, flow={'max_concurrency': 16})
    with Runner('flink', w) as flink, Pool(w) as pool:
        if KIND == 'PROCESS':
            job = start(w, flink, KIND, '--checkpointing_interval', '8000')
            acknowledgements_follow_checkpoints(w, flink, job)
            a_worker_is_killed(w, job, lambda: [p for p in descendants(flink.process.pid) if is_worker(p)])
        else:
            job = start(w, flink, KIND, '--checkpointing_interval', '2000', '--environment_config', pool.place)
            a_worker_is_killed(w, job, pool.workers)
        S.nothing_lost(w, KIND)
        stop(job)
