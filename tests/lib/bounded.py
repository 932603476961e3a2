"""A bounded job over messages of which some cannot be fetched and some are refused: what every runner must make of it."""
import os

import world as W
from ledger import judge
from made import announce, tiny
from runners import Job
from tap import equal, note

COUNT, GONE, REFUSED = 150, 15, 10


def furnish(w):
    """The names of the job; the configuration is written."""
    w.furnish()
    w.config(dead_letter={'sink': 'file://' + w.path('dead'), 'kept_volume': True, 'storm_guard': {'min': 100}})
    w.stored = announce(w, [tiny(n) for n in range(COUNT)])
    refused = announce(w, [b'MSH|^~\\&|no HL7 at all %d\r' % n for n in range(REFUSED)])
    w.stored.update(refused)
    w.gone = ['%s/messages/gone%03d' % (W.SOURCE, n) for n in range(GONE)]
    # A bounded job is told its messages; what the stores announced stays where it is.
    w.write('names.txt', ''.join(n + '\n' for n in list(w.stored) + w.gone))


def run(w, runner, kind, *flags):
    """One job to its end; each message has one outcome, and the counters are the ledger's."""
    job = Job(w, runner, kind, '--names', w.path('names.txt'), '--deadline', '120s', *flags)
    code = job.wait(150)
    what = ' '.join([kind, *[f for f in flags if f.isupper()]])
    equal(code, 3, what + ': ends with 3, as dead letters were written')
    if code not in (0, 3):
        note(job.said()[-2000:])
    equal(job.state(), 'DONE', what + ': the job is DONE')
    ledger = judge(w, w.stored, w.gone)
    equal((ledger.identical, ledger.dead), (COUNT, GONE + REFUSED), what + ': each message is copied or a dead letter')
    equal((ledger.lost, ledger.altered, ledger.unexpected, ledger.both), ([], [], [], []), what + ': nothing lost, altered, beside')
    equal(job.counters(), {'Fetched': COUNT + REFUSED, 'FailedFetch': GONE, 'Ingested': COUNT, 'FailedIngest': REFUSED},
          what + ': the counters are the ledger')
    return os.path.exists(w.path('dead'))
