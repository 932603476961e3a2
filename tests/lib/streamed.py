"""What the stories of streaming jobs share: the world, who has what, and the judgement at the end."""
import time

import world as W
from ledger import judge
from made import announce, tiny
from rest import list_names
from runners import cpu_seconds
from tap import check, equal, note, wait_for


def furnish(w, **more):
    w.furnish(ack_deadline=10)
    w.config(dead_letter={'sink': 'file://' + w.path('dead'), 'kept_volume': True}, **more)
    w.stored, w.made = {}, 0


def add(w, count):
    """So many more messages are announced."""
    w.stored.update(announce(w, [tiny(w.made + n) for n in range(count)]))
    w.made += count


def arrived(w):
    return len(list_names(w.rest, W.DEST))


def all_arrive(w, what, seconds=120):
    wait_for(what, lambda: arrived(w) == len(w.stored), seconds)


def all_acknowledged(w, what, seconds=60):
    wait_for(what, lambda: w.backlog() == 0, seconds)


def nothing_lost(w, what):
    ledger = judge(w, w.stored)
    equal((ledger.identical, ledger.pending), (len(w.stored), 0), what + ': every message is copied, none waits')
    equal((ledger.lost, ledger.altered, ledger.unexpected, ledger.dead), ([], [], [], 0), what + ': nothing lost, altered, beside, dead')


def idle(pids, seconds, most, what):
    """CPU of these processes over a quiet time, as a share of one core."""
    began, before = time.monotonic(), cpu_seconds(*pids)
    wait_for('a quiet time', lambda: time.monotonic() - began >= seconds)
    share = (cpu_seconds(*pids) - before) / (time.monotonic() - began)
    note('%s: %.2f %% of a core' % (what, 100 * share))
    check(share < most, '%s: near zero' % what, share)
