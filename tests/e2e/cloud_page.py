#!/usr/bin/env python3
"""The local cloud's page in a real browser: what it shows, that a click acts on the next request, that names stay text."""
import http.client
import http.server
import threading
import urllib.parse

import lib  # noqa: F401
import browser
from made import tiny
from rest import create
from tap import check, equal, skip, story, wait_for
from world import SOURCE, SUBSCRIPTION, TOPIC, World

NASTY = 'x<img src=x onerror=alert(1)>"\'&amp;'
TAB, SPACE = '\ue004', '\ue00d'


def post(port, path, body, **headers):
    """(status, text) of a POST with these headers, and nothing that a client library would add."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
    connection.request('POST', path, body, {k.replace('_', '-'): v for k, v in headers.items()})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def fault_by_click(w, b):
    equal(w.rest.once('GET', '/v1/' + SOURCE)[0], 200, 'no fault: a store answers')
    b.run("document.getElementById('fault-on').value = 'admin'")
    b.click('#fault-add')
    b.wait_text('#tile-faults', '1')
    equal(w.rest.once('GET', '/v1/' + SOURCE)[0], 503, 'a fault switched on by a click strikes the next request')
    wait_for('the page to count it', lambda: b.text('#fault-list td.n') == '1')
    check('admin:503' in b.text('#fault-list'), 'the rule stands there')
    equal(b.attribute('#fault-list .switch', 'aria-checked'), 'true', 'its switch says on')
    b.click('#fault-list .switch')
    b.wait_text('#tile-faults', '0')
    equal(w.rest.once('GET', '/v1/' + SOURCE)[0], 200, 'switched off by a click: the next request is answered')
    equal(b.attribute('#fault-list .switch', 'aria-checked'), 'false', 'its switch says off')
    b.run("document.querySelector('#fault-list .switch').focus()")
    b.press(SPACE)
    b.wait_text('#tile-faults', '1')
    equal(w.rest.once('GET', '/v1/' + SOURCE)[0], 503, 'switched on again from the keyboard')
    check(b.run('return document.activeElement.matches("#fault-list .switch")'), 'and the focus stays on the switch')
    b.click('#fault-list button.plain')
    wait_for('the rule to go', lambda: b.count('#fault-list .switch') == 0)
    equal(w.rest.once('GET', '/v1/' + SOURCE)[0], 200, 'removed: answered')
    b.type('#fault-keys', 'p=often')
    b.click('#fault-add')
    wait_for('the reason', lambda: '"p"' in (b.text('#problem') or ''))
    check(True, 'a rule that cannot be read: the page says why')
    b.run("document.getElementById('fault-form').reset()")


def counts_move(w, b):
    b.wait_text('#tile-unacked', '0')
    for data in map(tiny, range(3)):
        create(w.rest, SOURCE, data)
    b.wait_text('#tile-unacked', '3')
    b.wait_text('#tile-messages', '3')
    check(True, 'messages that arrive are counted, without a reload')
    pulled = w.rest.expect('POST', '/v1/%s:pull' % SUBSCRIPTION, {'maxMessages': 2})['receivedMessages']
    b.wait_text('#tile-leased', '2')
    w.rest.expect('POST', '/v1/%s:acknowledge' % SUBSCRIPTION, {'ackIds': [m['ackId'] for m in pulled]})
    b.wait_text('#tile-leased', '0')
    b.wait_text('#tile-unacked', '1')
    check(True, 'leases and acknowledgements too')
    check(':acknowledge' in wait_for('the request', lambda: b.text('#requests')), 'recent requests are listed')
    text = b.run('return document.documentElement.outerHTML')
    check('PID|' not in text and 'MSH|' not in text, 'no content of messages')


def nasty_names(w, b):
    path = '/v1/projects/%s/topics/top' % urllib.parse.quote(NASTY, safe='')
    w.rest.once('PUT', path, {})
    wait_for('the topic', lambda: b.count('#topics tbody tr') == 2)
    b.type('#fault-target', NASTY)
    b.click('#fault-add')
    b.wait_text('#tile-faults', '1')
    equal(b.count('#main img, #main script, #main [onerror]'), 0, 'names with HTML in them make no element')
    check(NASTY in b.text('#topics'), 'they are shown as what they are', b.text('#topics'))
    check(NASTY in b.text('#fault-list'), 'in faults too', b.text('#fault-list'))
    b.click('#fault-list button.plain')
    b.wait_text('#tile-faults', '0')


def policy(w, b):
    b.complaints()
    b.run("const s = document.createElement('script'); s.textContent = 'window.inline = 1'; document.body.append(s)")
    b.run("document.body.insertAdjacentHTML('beforeend', '<i style=\"position:fixed\" id=styled>x</i>')")
    check(b.run('return window.inline === undefined'), 'inline script is blocked')
    check(b.run("return getComputedStyle(document.getElementById('styled')).position") != 'fixed', 'inline style is blocked')
    check(any('Content Security Policy' in c for c in b.complaints()), 'by the policy')


class EvilSite(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('content-type', 'text/html')
        self.end_headers()
        self.wfile.write(b'<!doctype html><title>evil</title><body>')

    def log_message(self, *args):
        pass


def other_sites(w, b):
    """Attacks that come through a browser, by real ones."""
    elsewhere = 'http://evil.test:%d/' % w.port    # resolves to 127.0.0.1: a name pointed at us
    b.open(elsewhere)
    check('by its address or as localhost' in b.text('body'), 'a name pointed at us gets no page', b.text('body'))
    site = http.server.ThreadingHTTPServer(('127.0.0.1', 0), EvilSite)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    b.open('http://evil.test:%d/' % site.server_port)
    target = 'http://127.0.0.1:%d/-/reset' % w.port
    read = b.run_async("const done = arguments[1]; fetch(arguments[0], {method: 'POST', mode: 'no-cors', body: 'all=yes'})"
                       ".then(a => done(a.type), e => done(String(e)))", target)
    check('Failed to fetch' in read, 'a POST by a script of another site gives it nothing to read', read)
    b.run("document.body.innerHTML = '<form method=post><input name=all value=yes></form>'; document.forms[0].action = arguments[0];"
          "document.forms[0].submit()", target)
    wait_for('the answer to a form of another site', lambda: 'page of another site' in (b.text('body') or ''))
    check(True, 'a form of another site is refused')
    site.shutdown()
    site.server_close()
    equal(w.rest.once('GET', '/v1/' + TOPIC)[0], 200, 'and refused: everything is there')
    for headers, what in (({'Origin': 'http://evil.test'}, 'another origin'), ({'Origin': 'null'}, 'origin null'),
                          ({'Sec_Fetch_Site': 'cross-site'}, 'cross-site'), ({'Sec_Fetch_Site': 'same-site'}, 'same-site')):
        equal(post(w.port, '/-/reset', 'all=yes', **headers)[0], 403, 'POST from %s is refused' % what)
    equal(post(w.port, '/-/reset', 'all=yes', Host='evil.test')[0], 421, 'POST by another name is refused')
    equal(w.rest.once('GET', '/v1/' + TOPIC)[0], 200, 'nothing was emptied')


def shows(b, wanted, where, what):
    """A form brings a new page, which is not there at once."""
    wait_for(what, lambda: b.text(where) == wanted)
    check(True, what)


def without_script(w):
    with browser.Browser(script=False) as b:
        b.open('http://127.0.0.1:%d/' % w.port)
        equal(b.text('h1'), 'Local cloud', 'without JavaScript: the page')
        b.click('#fault-add')
        shows(b, '1', '#tile-faults', 'without JavaScript: a fault on')
        b.click('#fault-list .switch')
        shows(b, '0', '#tile-faults', 'without JavaScript: and off')
        b.click('summary')
        b.click('#empty-sure')
        b.click('#empty-all')
        shows(b, '0', '#tile-topics', 'without JavaScript: emptied')
        shows(b, '0', '#tile-messages', 'without JavaScript: emptied, the stores too')
    equal(w.rest.once('GET', '/v1/' + TOPIC)[0], 404, 'and it is empty')


with story():
    why = browser.missing()
    if why:
        skip('chromium', why)
    else:
        with World(durable=False) as w:
            w.furnish(ack_deadline=600)
            with browser.Browser() as b:
                b.open('http://127.0.0.1:%d/' % w.port)
                equal(b.text('h1'), 'Local cloud', 'the page opens')
                fault_by_click(w, b)
                counts_move(w, b)
                nasty_names(w, b)
                b.press(TAB)
                check(b.run('return document.activeElement !== document.body'), 'the keyboard reaches it')
                equal([c for c in b.complaints() if '503' not in c and '400' not in c], [], 'the console holds no complaint')
                policy(w, b)
                other_sites(w, b)
            browser.check_readable('http://127.0.0.1:%d/' % w.port)
            without_script(w)
