"""A real Chromium without a window, driven over the WebDriver protocol (W3C), standard library alone.

    with Browser() as b:
        b.open('http://127.0.0.1:8085/')
        b.click('#fault-add')
        b.text('#tile-faults')

Selectors are CSS. Nothing of the user's: a new empty profile, no network but what the page asks for.
"""
import http.client
import json
import shutil
import subprocess
import tempfile

import tap

ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'    # W3C WebDriver, 12.2
FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--hide-scrollbars',
         '--host-resolver-rules=MAP *.test 127.0.0.1']


def missing():
    """Why there is no browser here; '': there is one."""
    for program in ('chromium', 'chromedriver'):
        if shutil.which(program) is None:
            return 'no %s on this machine: tools/setup test installs it' % program
    return ''


# Texts whose contrast is below what WCAG 2 (1.4.3) asks for.
CONTRAST = '''
    const parse = c => c.match(/[\\d.]+/g).map(Number);
    const lum = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
                       return .2126 * r + .7152 * g + .0722 * b; };
    const back = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
                        if (c.length < 4 || c[3] === 1) return c.slice(0, 3); } return [255, 255, 255]; };
    const bad = [];
    for (const e of document.querySelectorAll('body *')) {
      if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility()) continue;
      const a = lum(parse(getComputedStyle(e).color).slice(0, 3)), b = lum(back(e));
      const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
      if (ratio < 4.5) bad.push(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2));
    }
    return bad;'''
# Controls that a screen reader could not name.
UNLABELLED = '''return [...document.querySelectorAll('button, input:not([type=hidden]), select')]
    .filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML.slice(0, 80))'''


class Trouble(Exception):
    pass


class Browser:
    def __init__(self, dark=False, size=(1280, 1000), script=True):
        self.dark, self.size, self.script = dark, size, script

    def __enter__(self):
        self.profile = tempfile.mkdtemp(prefix='hl7relay-chromium-')
        self.driver = subprocess.Popen(['chromedriver', '--port=0', '--log-level=SEVERE'], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        try:
            self.port = self._port()
            args = FLAGS + ['--user-data-dir=' + self.profile, '--window-size=%d,%d' % self.size]
            args += ['--blink-settings=preferredColorScheme=0'] if self.dark else []
            options = {'args': args, 'binary': shutil.which('chromium')}
            if not self.script:
                options['prefs'] = {'profile.managed_default_content_settings.javascript': 2}
            self.session = ''
            answer = self.call('POST', '/session', {'capabilities': {'alwaysMatch': {
                'browserName': 'chrome', 'goog:chromeOptions': options, 'goog:loggingPrefs': {'browser': 'ALL'}}}})
            self.session = '/session/' + answer['sessionId']
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        if getattr(self, 'session', ''):
            try:
                self.call('DELETE', '')
            except (Trouble, OSError, http.client.HTTPException):
                pass
        self.driver.terminate()
        self.driver.wait()
        self.driver.stdout.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _port(self):
        for line in self.driver.stdout:
            if 'started successfully on port ' in line:
                return int(line.split('on port ')[1].split('.')[0])
        raise Trouble('chromedriver did not start')

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=120)
        text = json.dumps(body if body is not None else {}) if method == 'POST' else None
        connection.request(method, self.session + path, text, {'content-type': 'application/json'})
        answer = connection.getresponse()
        value = json.loads(answer.read())['value']
        connection.close()
        if answer.status != 200:
            raise Trouble('%s %s: %s' % (method, path, str(value.get('message'))[:300]))
        return value

    # ---- the page ----

    def open(self, url):
        self.call('POST', '/url', {'url': url})

    def find(self, selector):
        return '/element/' + self.call('POST', '/element', {'using': 'css selector', 'value': selector})[ELEMENT]

    def count(self, selector):
        return len(self.call('POST', '/elements', {'using': 'css selector', 'value': selector}))

    def text(self, selector):
        """As it is shown; None: there is no such element (any more)."""
        try:
            return self.call('GET', self.find(selector) + '/text')
        except Trouble:
            return None

    def attribute(self, selector, name):
        try:
            return self.call('GET', self.find(selector) + '/attribute/' + name)
        except Trouble:
            return None

    def click(self, selector):
        self.call('POST', self.find(selector) + '/click')

    def type(self, selector, text):
        self.call('POST', self.find(selector) + '/value', {'text': text})

    def press(self, key):
        """A key to whatever has the focus."""
        self.call('POST', '/actions', {'actions': [{'type': 'key', 'id': 'keys', 'actions': [
            {'type': 'keyDown', 'value': key}, {'type': 'keyUp', 'value': key}]}]})

    def run(self, script, *args):
        return self.call('POST', '/execute/sync', {'script': script, 'args': list(args)})

    def run_async(self, script, *args):
        return self.call('POST', '/execute/async', {'script': script, 'args': list(args)})

    def complaints(self):
        """What the browser's console holds since the last look: blocked by policy, errors of scripts."""
        return [entry['message'] for entry in self.call('POST', '/se/log', {'type': 'browser'})]

    def wait_text(self, selector, wanted, seconds=30):
        return tap.wait_for('%s to show %r (it shows %r)' % (selector, wanted, self.text(selector)),
                            lambda: self.text(selector) == wanted, seconds)


def check_readable(url):
    """Light and dark, wide and narrow: contrast, labels, and nothing wider than the window."""
    for dark in (False, True):
        for size in ((1280, 1000), (500, 900)):
            with Browser(dark=dark, size=size) as b:
                what = '%s, %d wide' % ('dark' if dark else 'light', size[0])
                b.open(url)
                tap.equal(b.run('return matchMedia("(prefers-color-scheme: dark)").matches'), dark, what)
                tap.equal(b.run(CONTRAST), [], 'contrast of at least 4.5, ' + what)
                tap.equal(b.run(UNLABELLED), [], 'every control has a label, ' + what)
                tap.check(b.run('return document.documentElement.scrollWidth <= innerWidth'), 'nothing sticks out, ' + what)
