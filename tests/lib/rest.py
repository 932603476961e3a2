"""JSON over HTTP/1.1 to the local cloud, standard library alone, one connection a thread."""
import base64
import hashlib
import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

LATE = {408, 425, 429, 500, 502, 503, 504}


class Rest:
    def __init__(self, port):
        self.port = port
        self.local = threading.local()

    def once(self, method, path, body=None):
        """(status, parsed or None, raw). Raises OSError or HTTPException when there is no answer."""
        connection = getattr(self.local, 'connection', None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        try:
            headers = {'content-type': 'application/json'} if body is not None else {}
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            raw = answer.read()
        except BaseException:
            connection.close()
            self.local.connection = None
            raise
        try:
            return answer.status, json.loads(raw) if raw else None, raw
        except ValueError:
            return answer.status, None, raw

    def ask(self, method, path, body=None, tries=200):
        """Repeats what is merely late: the cloud may have been told to misbehave, or be killed just now."""
        for left in range(tries, 0, -1):
            try:
                status, parsed, raw = self.once(method, path, body)
                if status not in LATE and (parsed is not None or status == 404):
                    return status, parsed
                last = 'HTTP %d, %d bytes' % (status, len(raw))
            except (OSError, http.client.HTTPException) as trouble:
                last = repr(trouble)
                threading.Event().wait(0.05)
        raise RuntimeError('%s %s: %s' % (method, path.split('?')[0], last))

    def expect(self, method, path, body=None, status=200):
        got, parsed = self.ask(method, path, body)
        if got != status:
            raise RuntimeError('%s %s: HTTP %d: %r' % (method, path.split('?')[0], got, parsed))
        return parsed


def message_id(data):
    """Ids of stores are digests of the bytes."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()


def in_threads(function, items, threads=8):
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def create(rest, store, data, labels=None):
    """Puts one message into a store; returns its name."""
    message = {'data': base64.b64encode(data).decode()}
    if labels:
        message['labels'] = labels
    return rest.expect('POST', '/v1/%s/messages' % store, {'message': message})['name']


def fetch(rest, name):
    """The bytes of a message; None: it is not there."""
    status, parsed = rest.ask('GET', '/v1/%s?view=RAW_ONLY' % name)
    if status == 404:
        return None
    if status != 200:
        raise RuntimeError('GET of a message: HTTP %d' % status)
    return base64.b64decode(parsed.get('data', ''), validate=True)


def list_names(rest, store):
    names, token = [], ''
    while True:
        page = rest.expect('GET', '/v1/%s/messages?view=BASIC&pageSize=1000%s' % (
            store, '&pageToken=' + token if token else ''))
        names += [m['name'] for m in page.get('hl7V2Messages', [])]
        token = page.get('nextPageToken', '')
        if not token:
            return names


def pull_all(rest, subscription):
    """What is still in the subscription and free: (data, message id) of each. Nothing is acknowledged."""
    got, quiet_since = [], None
    while True:
        page = rest.expect('POST', '/v1/%s:pull' % subscription, {'returnImmediately': True, 'maxMessages': 1000})
        received = page.get('receivedMessages', [])
        got += [(base64.b64decode(r['message'].get('data', '')), r['message']['messageId']) for r in received]
        if received:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = time.monotonic()
        else:
            return got
