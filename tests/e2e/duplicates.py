#!/usr/bin/env python3
"""Duplicates: delivered twice at once, announced again later, with a destination that takes and one that rejects them."""
import lib  # noqa: F401
import world as W
from ledger import judge
from made import announce, generated
from rest import create
from tap import check, equal, story, wait_for

COUNT = 300


def duplicates(reject):
    words = 'a destination that rejects duplicates: ' if reject else ''
    with W.World() as w:
        w.furnish(dest={'rejectDuplicateMessage': True} if reject else {})
        w.config()
        w.faults('stream:duplicate:p=0.3')
        w.start_relay()
        stored = announce(w, generated(COUNT))
        wait_for('all to be delivered', lambda: w.metric('hl7relay_messages_delivered_total') >= COUNT)
        wait_for('nothing in flight', lambda: w.metric('hl7relay_in_flight') == 0)
        repeats = w.metric('hl7relay_messages_received_total') - COUNT
        check(repeats > 0, words + 'there were repeats', repeats)
        w.faults()
        before = w.metric('hl7relay_messages_delivered_total')
        w.publish([name.encode() for name in list(stored)[:50]])
        wait_for('the second announcement', lambda: w.metric('hl7relay_messages_delivered_total') >= before + 50)
        if reject:
            check(w.metric('hl7relay_messages_delivered_total', dup='1') >= 50, words + 'a proven copy counts as delivered, with dup="1"')
        equal(w.metric('hl7relay_messages_dead_total'), 0, words + 'none is dead')
        equal(w.relay.stop(), 0, words + 'SIGTERM ends it with 0')
        ledger = judge(w, stored)
        equal((ledger.identical, ledger.lost, ledger.unexpected, ledger.dead), (COUNT, [], [], 0), words + 'each is there once')


def labels(copied):
    words = 'labels%s copied: ' % ('' if copied else ' not')
    # Refused in a way that does not say why: the relay then looks at the copy itself.
    with W.World(cloud_args=['--answer', 'duplicate=400']) as w:
        w.furnish(dest={'rejectDuplicateMessage': True})
        w.config(copy_labels=copied)
        kinds = [({'site': 'north'}, {'site': 'north'}), ({'site': 'north'}, {'site': 'southward'}), ({'site': 'north'}, None),
                 (None, {'site': 'north'}), (None, None)]
        for (at_source, at_dest), data in zip(kinds, generated(len(kinds))):
            create(w.rest, W.DEST, data, at_dest)
            create(w.rest, W.SOURCE, data, at_source)
        w.start_relay()
        wait_for('the copies to be proven', lambda: w.metric('hl7relay_messages_delivered_total', dup='1') >= len(kinds))
        equal(w.metric('hl7relay_labels_differ_total'), 3 if copied else 0, words + 'those that differ are counted')
        equal(w.relay.stop(), 0, words + 'SIGTERM ends it with 0')
        lines = [line for line in w.relay.said().split('\n') if '"event":"labels_differ"' in line]
        equal(len(lines), 3 if copied else 0, words + 'and said')
        check('southward' not in w.relay.said(), words + 'not by their values')


with story():
    duplicates(False)
    duplicates(True)
    labels(True)
    labels(False)
