#!/usr/bin/env python3
"""A log that nobody reads: the pipe is full, the relay goes on, and says afterwards that lines were dropped."""
import os
import subprocess

import lib  # noqa: F401
import world as W
from ledger import judge
from made import announce, generated
from tap import check, equal, story, wait_for

COUNT = 6000    # more lines than the pipe and the ring hold

with story(), W.World(durable=False) as w:
    w.furnish()
    w.status_port = W.free_port()    # nobody can read it from the log
    config = w.config(log={'format': 'json', 'level': 'debug'}, status_listen='127.0.0.1:%d' % w.status_port)
    stored = announce(w, generated(COUNT))
    reader, writer = os.pipe()
    process = subprocess.Popen([W.binary(), 'run', '--config_path', config], stdin=subprocess.DEVNULL, stdout=writer, stderr=writer,
                               env=W.environment())
    os.close(writer)
    wait_for('all messages to be delivered', lambda: w.metric('hl7relay_messages_delivered_total') >= COUNT, 120)
    wait_for('nothing in flight', lambda: w.metric('hl7relay_in_flight') == 0)
    check(w.page('/livez') is not None, 'it lives, and its pages answer')
    process.terminate()
    wait_for('it to end, unread', lambda: process.poll() is not None, 60)
    equal(process.returncode, 0, 'SIGTERM ends it with 0')
    with os.fdopen(reader, 'rb') as f:
        text = f.read()
    check(all(line.startswith(b'{') for line in text.split(b'\n')[:100] if line), 'what did fit are whole lines')
    ledger = judge(w, stored)
    equal((ledger.identical, ledger.lost), (COUNT, []), 'all are byte-identical')
