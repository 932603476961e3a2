#!/usr/bin/env python3
"""A second SIGTERM while dead letters are on their way to a slow disk: it leaves, nothing is lost, nothing is half-written."""
import os
import signal
import time

import lib  # noqa: F401
import dead_letters
import world as W
from ledger import judge
from made import announce, generated
from tap import check, equal, note, story, wait_for

GOOD, BAD = 20, 15
HELD = os.environ.get('HELD_FSYNC') or os.path.join(os.path.dirname(W.binary()), '../../tests/lib/libheld_fsync.so')


def slow_disk(gate):
    asan = os.environ.get('ASAN_OPTIONS', '')
    check(os.access(HELD, os.R_OK), 'the slow disk is built: ' + os.path.basename(HELD))
    return {'LD_PRELOAD': os.path.abspath(HELD), 'HELD_FSYNC_GATE': gate,
            'ASAN_OPTIONS': (asan + ':' if asan else '') + 'verify_asan_link_order=0'}


with story(), W.World(accept_all='source') as w:
    w.furnish(ack_deadline=600)
    w.config()
    stored = announce(w, generated(GOOD))
    bad = announce(w, generated(BAD, '--malformed'))
    gate = w.path('gate')
    os.mkfifo(gate)
    w.start_relay(env=slow_disk(gate))
    wait_for('the good ones', lambda: w.metric('hl7relay_messages_delivered_total') >= GOOD)
    wait_for('a dead letter to wait for the disk', lambda: os.path.exists(gate + '.held'))
    equal(w.metric('hl7relay_messages_dead_total'), 0, 'none is told as dead before it is durable')
    w.relay.signal(signal.SIGTERM)
    wait_for('the drain to begin', lambda: '"event":"draining"' in w.relay.said())
    check(w.relay.is_running(), 'the drain waits for the disk')
    w.relay.signal(signal.SIGTERM)
    wait_for('it to take itself apart', lambda: not w.relay.is_running() or w.page('/livez') is None)
    check(w.relay.is_running(), 'what was put is still written')
    with open(gate, 'wb'):
        os.remove(gate)
    began = time.monotonic()
    equal(w.relay.wait(30), 130, 'a second signal ends it with 130')
    note('%.2f s after the disk came back' % (time.monotonic() - began))
    check('ERROR: ' not in w.relay.said() and 'runtime error' not in w.relay.said(), 'and no sanitizer complains', w.relay.said()[-2000:])

    records = dead_letters.read(w.path('dead'))    # raises where a line is damaged
    for name in os.listdir(w.path('dead')):
        if name.startswith('segment-'):
            with open(w.path('dead/' + name), 'rb') as f:
                check(f.read().endswith(b'\n'), 'no line is half-written: ' + name)
    equal(len(records), BAD, 'each dead letter under way is on the disk')
    ledger = judge(w, {**stored, **bad})
    equal((ledger.identical, ledger.lost, ledger.altered, ledger.unexpected), (GOOD, [], [], []), 'nothing is lost')
    equal(w.backlog(), BAD, 'and none of them was acknowledged')
    w.publish([name.encode() for name in bad])    # judge() took the leases: announce them again
    w.start_relay()
    wait_for('the dead letters again', lambda: w.metric('hl7relay_messages_dead_total') >= BAD)
    wait_for('nothing in flight', lambda: w.metric('hl7relay_in_flight') == 0)
    equal(w.relay.stop(), 0, 'the next run ends with 0')
    equal(len(dead_letters.read(w.path('dead'))), BAD, 'and tells each once, however often it was written')
