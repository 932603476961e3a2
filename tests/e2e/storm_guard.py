#!/usr/bin/env python3
"""Too many dead letters of a kind that a wrong configuration makes: the relay holds, a restart does not release it, `dead accept` does."""
import json
import os

import lib  # noqa: F401
import dead_letters
import world as W
from made import announce, generated
from tap import check, equal, story, wait_for

BAD = 60


def dead(w):
    return len([r for r in dead_letters.read(w.path('dead')) if r['kind'] == 'dead'])


def counted(w):
    try:
        with open(w.path('dead/storm-counts')) as f:
            return json.load(f)
    except FileNotFoundError:
        return {'dead': 0}


def holds_until_accepted(w):
    w.furnish()
    config = w.config()
    announce(w, generated(BAD, '--malformed'))
    w.start_relay()
    wait_for('the storm guard to hold', lambda: 'STORM_GUARD' in (w.page('/status.json') or ''), 60)
    status = json.loads(w.page('/status.json'))
    equal((status['verdict'], status['ready'], status['live']), ('HELD', False, True), 'held: not ready, but live')
    equal(status['ledger']['unaccounted'], 0, 'all is accounted for')
    check('dead accept' in w.page('/'), 'the page says what to do')
    check(os.path.exists(w.path('dead/storm-guard')), 'its state is on disk')
    equal(w.relay.stop(), 0, 'it can be stopped')
    held_at = dead(w)    # what was decided when it began to hold is on disk by now
    check(0 < held_at <= 20, 'it holds after 20 dead letters at most', held_at)
    w.start_relay()
    wait_for('the guard to hold after a restart', lambda: 'STORM_GUARD' in (w.page('/status.json') or ''), 30)
    equal(dead(w), held_at, 'nothing more was given up')
    for _ in range(BAD // 20 + 1):    # each release is good for as many again as the guard lets pass
        code, out, err = w.run('dead', 'accept', '--config_path', config)
        equal(code, 0, 'accept')
        before = dead(w)
        if before == BAD:
            break
        wait_for('the relay to go on', lambda: dead(w) > before, 60)
        wait_for('all, or held again', lambda: dead(w) == BAD or os.path.exists(w.path('dead/storm-guard')), 60)
    wait_for('all dead letters', lambda: dead(w) == BAD, 30)
    wait_for('nothing in flight', lambda: w.metric('hl7relay_in_flight') == 0)
    equal(w.relay.stop(), 0, 'and it ends with 0')


def counts_over_restarts(w):
    """Else a relay that is restarted often would bury twenty at each start."""
    w.furnish()
    config = w.config()
    bad = generated(30, '--malformed')
    for begin, killed in ((0, True), (7, False)):
        announce(w, bad[begin:begin + 7])
        w.start_relay()
        wait_for('some dead letters', lambda: dead(w) == begin + 7, 60)
        wait_for('their count to be kept', lambda: counted(w)['dead'] == begin + 7, 10)
        w.relay.kill() if killed else w.relay.stop()
    announce(w, bad[14:])
    w.start_relay()
    wait_for('the storm guard to hold', lambda: 'STORM_GUARD' in (w.page('/status.json') or ''), 60)
    check(14 < dead(w) <= 20, 'over three runs it holds after 20 dead letters at most', dead(w))
    equal(w.relay.stop(), 0, 'it can be stopped')
    code, out, err = w.run('dead', 'accept', '--config_path', config)
    check(code == 0 and not os.path.exists(w.path('dead/storm-counts')), '`dead accept` begins to count anew', out + err)
    w.start_relay()
    wait_for('the rest', lambda: dead(w) == len(bad), 60)
    equal(w.relay.stop(), 0, 'and it ends with 0')


with story():
    for part in (holds_until_accepted, counts_over_restarts):
        with W.World(accept_all='source') as w:
            part(w)
