#!/usr/bin/env python3
"""A whole corpus, malformed messages included, from a source that takes anything to a strict destination: each message is
either byte-identical there or in the dead letters with its reason. Without the corpus beside the project, generated
messages are used, and the skip says so."""
import glob
import os

import lib  # noqa: F401
import world as W
from ledger import judge
from made import announce, generated
from tap import check, equal, note, skip, story, wait_for

CORPUS = os.environ.get('HL7_CORPUS', os.path.join(os.path.dirname(W.TOP), 'shared', 'corpus'))


def messages():
    """No two with the same bytes; an empty one cannot be put into a store."""
    found = []
    for path in sorted(glob.glob(os.path.join(CORPUS, '*', '*.hl7'))):
        with open(path, 'rb') as f:
            found.append(f.read())
    if found:
        check(True, 'the sample messages are there')
    else:
        skip('the sample messages', 'no corpus at ../shared/corpus')
        found = generated(300) + generated(60, '--malformed')
    return list({m: None for m in found if m})


with story(), W.World(accept_all='source') as w:
    w.furnish()
    w.config()
    all_messages = messages()
    stored = announce(w, all_messages)
    w.start_relay('--storm-guard', 'off')
    wait_for('every message to be delivered or dead', lambda: w.metric('hl7relay_messages_delivered_total') +
             w.metric('hl7relay_messages_dead_total') >= len(stored), 240)
    wait_for('nothing in flight', lambda: w.metric('hl7relay_in_flight') == 0)
    equal(w.relay.stop(), 0, 'SIGTERM ends it with 0')
    ledger = judge(w, stored)
    note('%d messages: %d identical, %d dead %r' % (len(stored), ledger.identical, ledger.dead, dict(ledger.reasons)))
    equal((ledger.lost, ledger.altered, ledger.unexpected, ledger.pending), ([], [], [], 0), 'nothing lost, altered, or from nowhere')
    equal(ledger.identical + ledger.dead, len(stored), 'each is there or dead')
    check(ledger.identical > 0 and ledger.dead > 0, 'there are some of each')
    check(set(ledger.reasons) <= {'dest_nack', 'dest_rejected', 'too_large'}, 'with the reasons that fit', dict(ledger.reasons))
