"""A story prints TAP: each check is a line; a crash is a failure with its reason; the plan comes last."""
import contextlib
import os
import select
import sys
import time
import traceback

_count = 0
_failed = 0


class Failure(Exception):
    pass


def check(ok, what, detail=''):
    """One result. The story goes on after a failure, so that all of them are seen."""
    global _count, _failed
    _count += 1
    if not ok:
        _failed += 1
        for line in str(detail).split('\n'):
            print('# ' + line)
    print('%s %d - %s' % ('ok' if ok else 'not ok', _count, what.replace('#', '')), flush=True)
    return ok


def equal(got, wanted, what):
    return check(got == wanted, what, 'got    %r\nwanted %r' % (got, wanted))


def skip(what, why):
    global _count
    _count += 1
    print('ok %d - %s # SKIP %s' % (_count, what, why), flush=True)


def note(text):
    for line in str(text).split('\n'):
        print('# ' + line, flush=True)


def wait_for(what, condition, seconds=60):
    """Waits until condition() is true and returns what it returned. The bound is for a broken program alone."""
    end = time.monotonic() + seconds * float(os.environ.get('E2E_PATIENCE', '1'))
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise Failure('waited in vain for: ' + what)
        select.select([], [], [], 0.02)


@contextlib.contextmanager
def story():
    global _count, _failed
    try:
        yield
    except Failure as failure:
        check(False, str(failure))
    except Exception:  # whatever it is, the runner must see it
        check(False, 'the story runs to its end', traceback.format_exc())
    print('1..%d' % _count, flush=True)
    sys.exit(1 if _failed or _count == 0 else 0)
