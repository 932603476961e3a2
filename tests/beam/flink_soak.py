#!/usr/bin/env python3
"""By hand: a streaming job on Flink at the recommended settings, MINUTES long, a few messages a second; once a minute a line with
memory of JVM and worker, size of the last checkpoint, and what is not acknowledged.

  HL7RELAY=build/src/cmd/hl7relay tests/beam/flink_soak.py [MINUTES]
"""
import re
import sys
import time

import beam_lib  # noqa: F401
import streamed as S
import world as W
from runners import Job, Pool, Runner, cpu_seconds, descendants, is_worker, need
from tap import check, note, story, wait_for

MINUTES = int(sys.argv[1]) if len(sys.argv) > 1 else 60
A_SECOND = 5

need('flink', 'an hour on Flink')


def resident(pid):
    with open('/proc/%d/status' % pid) as f:
        return int(re.search(r'VmRSS:\s+(\d+) kB', f.read()).group(1)) / 1024


def sizes(flink):
    return [int(n) for n in re.findall(r'Completed checkpoint \d+ for job \w+ \((\d+) bytes', flink.said())]


with story(), W.World() as w:
    S.furnish(w)
    with Runner('flink', w) as flink, Pool(w):
        job = Job(w, flink, 'FlinkRunner', '--environment_type', 'PROCESS', '--state_backend', 'filesystem',
                  '--state_backend_storage_path', 'file://' + w.path('checkpoints'))
        wait_for('the job to run', lambda: job.state() == 'RUNNING' or not job.is_running())
        worker = wait_for('a worker', lambda: [p for p in descendants(flink.process.pid) if is_worker(p)])[0]
        began = time.monotonic()
        for minute in range(1, MINUTES + 1):
            while time.monotonic() - began < 60 * minute:
                S.add(w, A_SECOND)
                due = time.monotonic() + 1
                wait_for('a second', lambda: time.monotonic() >= due)
            note('minute %3d: JVM %4.0f MiB, worker %3.0f MiB, checkpoint %7d bytes, %d of %d unacknowledged, CPU JVM %.0f s worker %.1f s' % (
                minute, resident(flink.process.pid), resident(worker), (sizes(flink) or [0])[-1], w.backlog(), w.made,
                cpu_seconds(flink.process.pid), cpu_seconds(worker)))
        S.all_arrive(w, 'the messages')
        S.all_acknowledged(w, 'the acknowledgements', 90)
        S.nothing_lost(w, '%d minutes' % MINUTES)
        check(job.is_running(), 'the job runs')
        job.kill()
