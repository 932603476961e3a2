"""Reads the file sink from the page that describes it (docs/DEAD-LETTERS.md) alone. Shares no code with the writer."""
import glob
import hashlib
import json
import os
import re

LINE = re.compile(rb'^(\d{6}) ([0-9a-f]{16}) (.*)$', re.S)


class Damaged(Exception):
    pass


def lines(path):
    """The JSON objects of one segment. A last line that does not fit was never confirmed; any other is damage."""
    with open(path, 'rb') as f:
        rows = f.read().split(b'\n')
    for number, row in enumerate(rows, 1):
        m = LINE.match(row)
        sound = m and len(m.group(3)) == int(m.group(1)) and hashlib.sha256(m.group(3)).hexdigest()[:16].encode() == m.group(2)
        if sound and number < len(rows):
            yield json.loads(m.group(3))
        elif number < len(rows) - 1:
            raise Damaged('%s, line %d' % (path, number))


def read(folder):
    """Records of kind dead and skipped, each once, oldest first; absent fields are None."""
    records = {}
    for path in sorted(glob.glob(os.path.join(folder, 'segment-*.dlq'))):
        for record in lines(path):
            if record['v'] != 1:
                raise Damaged('%s: version %r' % (path, record['v']))
            if record['kind'] in ('dead', 'skipped'):
                key = record.get('name') or record.get('name_sha256') or record.get('message_id')
                wanted = hashlib.sha256('\n'.join((record['kind'], key, record['reason'])).encode()).hexdigest()[:16]
                if record['id'] != wanted:
                    raise Damaged('%s: the id of a record is not made of its fields' % path)
                whole = {k: record.get(k) for k in ('kind', 'id', 'stage', 'reason', 'class', 'http', 'grpc', 'attempts', 'first',
                                                    'last', 'written', 'name', 'name_sha256', 'name_bytes', 'message_id')}
                records.setdefault(record['id'], whole)
    return list(records.values())


def by_announcement(records):
    """{what was announced: record}: the name itself, or the SHA-256 of what was no name."""
    return {r['name'] or r['name_sha256']: r for r in records if r['kind'] == 'dead'}
