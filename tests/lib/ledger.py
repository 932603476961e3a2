"""What became of each announced message: from our own list, bytes fetched from both stores, dead letters read by a
reader of our own, and what is still in the subscription. The relay is not asked."""
import collections
import hashlib

import dead_letters
import world as W
from rest import fetch, in_threads, list_names, message_id, pull_all

Ledger = collections.namedtuple('Ledger', 'announced identical dead skipped pending lost altered unexpected both reasons')


NAME_MAX = 1024    # of what is no name, no more is looked at


def digest_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


def judge(w, stored, other_names=(), empty_ids=(), threads=8, records=None):
    """records: of the dead-letter topic, when it is not a directory. stored: {name at the source: bytes as announced}. other_names: announced, but in no source of ours."""
    records = dead_letters.read(w.path('dead')) if records is None else records
    written = dead_letters.by_announcement(records)
    announced = list(stored) + list(other_names)
    dead = {n: written[k] for n in announced for k in (n, n[:NAME_MAX], digest_of(n), digest_of(n[:NAME_MAX])) if k in written}
    skipped = {r['message_id'] for r in records if r['kind'] == 'skipped'}
    waiting = pull_all(w.rest, W.SUBSCRIPTION)
    waiting_names = {data.decode('utf-8', 'replace') for data, _ in waiting if data}
    waiting_empty = {i for data, i in waiting if not data}

    def at_dest(name):
        return fetch(w.rest, '%s/messages/%s' % (W.DEST, name.rsplit('/', 1)[1]))

    names = list(stored)
    copies = dict(zip(names, in_threads(at_dest, names, threads)))
    digest = {n: hashlib.sha256(d).digest() for n, d in stored.items()}
    identical = {n for n in names if copies[n] is not None and hashlib.sha256(copies[n]).digest() == digest[n]}
    altered = {n for n in names if copies[n] is not None} - identical
    buried = [n for n in announced if n not in identical and n in dead]
    pending = [n for n in announced if n not in identical and n not in dead and n in waiting_names]
    pending += [i for i in empty_ids if i not in skipped and i in waiting_empty]
    lost = [n for n in announced if n not in identical and n not in dead and n not in waiting_names]
    lost += [i for i in empty_ids if i not in skipped and i not in waiting_empty]
    known = {message_id(d) for d in stored.values()}
    unexpected = [n for n in list_names(w.rest, W.DEST) if n.rsplit('/', 1)[1] not in known]
    return Ledger(len(announced) + len(empty_ids), len(identical), len(buried),
                  len([i for i in empty_ids if i in skipped]), len(pending), lost, sorted(altered), unexpected,
                  [n for n in identical if n in dead], collections.Counter(dead[n]['reason'] for n in buried))
