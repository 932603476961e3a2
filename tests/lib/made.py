"""Synthetic messages for stories: from `hl7relay gen`, or small ones made here."""
import base64
import json
import os

import world as W
from rest import create, in_threads

SEED = int(os.environ.get('E2E_SEED', '7'))
MARK = 'CANARY%08X' % SEED    # what every canary of that seed begins with


def generated(count, *flags):
    code, out, talk = W.run('gen', '--count', count, '--seed', SEED, *flags)
    if code != 0:
        raise RuntimeError('gen: %d %s' % (code, talk))
    return [base64.b64decode(json.loads(line)['data']) for line in out.split('\n') if line]


def tiny(number, extra=''):
    return ('MSH|^~\\&|A|B|C|D|20260101000000||ADT^A01|T%06d|P|2.5\rPID|1||%s%06d\r%s' % (
        number, MARK, number, extra)).encode()


def announce(w, messages, store=W.SOURCE):
    """Into the source, which announces them. {name: bytes}"""
    return dict(zip(in_threads(lambda m: create(w.rest, store, m), messages), messages))
