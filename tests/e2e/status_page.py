#!/usr/bin/env python3
"""The relay's status page in a real browser: its figures are the metrics', it says what is wrong, anyone can read it."""
import lib  # noqa: F401
import browser
from made import MARK, announce, tiny
from tap import check, equal, skip, story, wait_for
from world import World


def tiles(b):
    """{'UNACCOUNTED': '0', ...}"""
    return dict(b.run("return [...document.querySelectorAll('.tiles li')].map(li => [li.children[0].textContent, li.children[1].textContent])"))


with story():
    why = browser.missing()
    if why:
        skip('chromium', why)
    else:
        with World(durable=False) as w:
            w.furnish()
            w.start_relay()
            announce(w, [tiny(i) for i in range(20)])
            wait_for('the copies', lambda: w.metric('hl7relay_messages_delivered_total') == 20)
            with browser.Browser() as b:
                url = 'http://127.0.0.1:%d/' % w.status_port
                b.open(url)
                equal(b.text('h1'), 'hl7relay', 'the page opens')
                wait_for('the verdict', lambda: (b.text('.v b') or '') == 'OK')
                shown = tiles(b)
                equal((shown['UNACCOUNTED'], shown['received'], shown['= delivered']), ('0', '20', '20'), 'the ledger shows what the metrics say')
                announce(w, [tiny(i) for i in range(20, 25)])
                wait_for('the page to refresh itself', lambda: tiles(b).get('= delivered') == '25')
                check(True, 'it refreshes itself, without a script')
                equal(b.count('script'), 0, 'it has no script')
                text = b.run('return document.documentElement.outerHTML')
                check(MARK not in text and 'PID|' not in text, 'no content of messages')
                check(len(text) < 40 << 10, 'it is small', len(text))
                equal(b.complaints(), [], 'the console holds no complaint')
                w.faults('ingest:503')
                announce(w, [tiny(i) for i in range(100, 160)])    # enough for the breaker
                wait_for('the page to tell', lambda: b.count('#h-last') == 1)
                check('an attempt failed and is made again later' in b.text('body'), 'it tells the last warning')
                verdict = wait_for('the page to say so', lambda: (b.text('.v') or 'OK').startswith('OK') is False and b.text('.v'))
                check(b.count('#h-wrong') == 1 and b.count('#h-next + ul li') >= 1, 'it says what is wrong, and what to do: ' + verdict)
                b.open('http://evil.test:%d/' % w.status_port)
                check('answers for localhost' in b.text('body'), 'a name pointed at it gets no page')
            browser.check_readable(url)
