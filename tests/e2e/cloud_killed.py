#!/usr/bin/env python3
"""SIGKILL of the local cloud: what it confirmed it still has, and the relay goes on when it is back."""
import threading

import lib  # noqa: F401
import world as W
from ledger import judge
from made import announce, generated
from rest import fetch, list_names
from tap import check, equal, story, wait_for

COUNT = 900

with story(), W.World() as w:
    w.furnish()
    w.config()
    w.start_relay()
    messages = generated(COUNT)
    stored = announce(w, messages[:COUNT // 3])
    w.kill_cloud()
    check(all(fetch(w.rest, n) == d for n, d in stored.items()), 'every message that was confirmed is there after SIGKILL')
    more = {}
    filling = threading.Thread(target=lambda: more.update(announce(w, messages[COUNT // 3:])))
    filling.start()
    for _ in range(3):
        before = len(list_names(w.rest, W.SOURCE))
        wait_for('a few more messages', lambda: len(list_names(w.rest, W.SOURCE)) >= min(before + 50, COUNT) or not filling.is_alive())
        w.kill_cloud()
    filling.join()
    stored.update(more)
    wait_for('every message to be delivered', lambda: len(list_names(w.rest, W.DEST)) >= COUNT, 180)
    wait_for('nothing in flight', lambda: w.metric('hl7relay_in_flight') == 0, 120)
    equal(w.metric('hl7relay_messages_dead_total'), 0, 'nothing is dead')
    equal(w.relay.stop(), 0, 'SIGTERM ends the relay with 0')
    ledger = judge(w, stored)
    equal((ledger.identical, ledger.lost, ledger.altered, ledger.unexpected), (COUNT, [], [], []), 'all are identical')
