#!/usr/bin/env python3
"""REST of the stores as clients send it: requests in chunks and in gzip, replies in gzip where asked, HEAD, the method override, no CORS,
forms of replies, discovery documents; notifications within a second, with filter, data and attributes, and none for a duplicate;
an export that a kill cuts short."""
import base64
import gzip
import http.client
import json
import os
import tempfile
import time

import lib  # noqa: F401
import world as W
from made import generated
from rest import in_threads, message_id
from tap import check, equal, note, story, wait_for

DATASET = '/v1/projects/p/locations/l/datasets/w'
STORE = DATASET + '/hl7V2Stores/s'
LATE = '2100-01-01T00:00:00Z'    # whatever this machine's clock says
ADT = b'MSH|^~\\&|A|B|C|D|20260101||ADT^A01|%d|P|2.5\rPID|1||7^^^H^MR\r'


def send(w, method, path, body=None, headers=None, chunked=False):
    """(status, headers, body as it came)"""
    connection = http.client.HTTPConnection('127.0.0.1', w.port, timeout=60)
    connection.request(method, path, body, headers or {}, encode_chunked=chunked)
    answer = connection.getresponse()
    got = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    connection.close()
    return got


def message(data):
    return json.dumps({'message': {'data': base64.b64encode(data).decode()}}).encode()


def pieces(body, size=7):
    for at in range(0, len(body), size):
        yield body[at:at + size]


def requests_in_every_form(w):
    status, _, _ = send(w, 'POST', STORE + '/messages:ingest', pieces(message(ADT % 1)), {'transfer-encoding': 'chunked'}, True)
    equal(status, 200, 'a message in chunks')
    status, _, _ = send(w, 'POST', STORE + '/messages:ingest', gzip.compress(message(ADT % 2)), {'content-encoding': 'gzip'})
    equal(status, 200, 'a message in gzip')
    status, _, _ = send(w, 'POST', STORE + '/messages:ingest', pieces(gzip.compress(message(ADT % 3))),
                        {'content-encoding': 'gzip', 'transfer-encoding': 'chunked'}, True)
    equal(status, 200, 'a message in gzip in chunks')
    status, _, raw = send(w, 'POST', STORE + '/messages:ingest', message(ADT % 4) + b'\n')
    equal(status, 200, 'a message and a line feed, as Go sends it')
    one = message_id(ADT % 4)
    equal(json.loads(send(w, 'GET', '%s/messages/%s' % (STORE, one.replace('=', '%3D')))[2])['name'].split('/')[-1], one,
          'an id with an encoded =')
    status, _, raw = send(w, 'POST', STORE + '/messages', b'filter=message_type+%3D+%22ADT%22&view=BASIC&alt=json',
                          {'x-http-method-override': 'GET', 'content-type': 'application/x-www-form-urlencoded'})
    equal((status, len(json.loads(raw)['hl7V2Messages'])), (200, 4), 'a list that came as POST with a form')


def replies_in_every_form(w):
    path = STORE + '/messages?view=FULL'
    status, headers, plain = send(w, 'GET', path)
    check(plain.startswith(b'{\n  "hl7V2Messages": [\n    {\n') and plain.endswith(b'}\n'), 'replies are pretty-printed')
    check('content-encoding' not in headers, 'and plain where gzip is not asked for')
    status, headers, packed = send(w, 'GET', path, headers={'accept-encoding': 'gzip, deflate'})
    equal((status, headers.get('content-encoding'), gzip.decompress(packed)), (200, 'gzip', plain), 'in gzip where it is')
    compact = send(w, 'GET', path + '&prettyPrint=false&key=k&quotaUser=q&%24.xgafv=2')[2]
    check(b'\n' not in compact and json.loads(compact) == json.loads(plain), 'compact where prettyPrint is false')
    part = send(w, 'GET', path + '&fields=hl7V2Messages(messageType,parsedData/segments/segmentId)')[2]
    equal(json.loads(part)['hl7V2Messages'][0],
          {'messageType': 'ADT', 'parsedData': {'segments': [{'segmentId': 'MSH'}, {'segmentId': 'PID'}]}}, 'fields')
    status, _, raw = send(w, 'GET', path + '&fields=hl7V2Messages/nom')
    error = json.loads(raw)['error']
    equal((status, error['status'], error['details'][0]['fieldViolations'][0]['field']), (400, 'INVALID_ARGUMENT', 'fields'),
          'a field that is not there')
    equal(send(w, 'GET', path + '&alt=proto')[0], 501, 'another form than JSON')
    status, headers, raw = send(w, 'HEAD', STORE)
    check(status == 200 and raw == b'' and int(headers['content-length']) > 0, 'HEAD: the length, no body', (status, headers))
    status, headers, _ = send(w, 'OPTIONS', STORE, headers={'origin': 'https://example.com', 'access-control-request-method': 'GET'})
    _, more, _ = send(w, 'GET', STORE, headers={'origin': 'https://example.com'})
    check(status == 404 and not any(h.startswith('access-control') for h in (*headers, *more)), 'no CORS', (status, headers, more))
    status, headers, raw = send(w, 'GET', DATASET + '/hl7V2Stores/none')
    equal((status, headers['content-type'], json.loads(raw)['error']['status']),
          (404, 'application/json; charset=UTF-8', 'NOT_FOUND'), 'an error is JSON')


def documents(w):
    for query, name in (('version=v1', 'healthcare:v1'), ('version=v1beta1', 'healthcare:v1beta1'), ('version=v1&api=pubsub', 'pubsub:v1')):
        status, _, raw = send(w, 'GET', '/$discovery/rest?' + query)
        document = json.loads(raw)
        equal((status, document['id'], document['rootUrl']), (200, name, 'http://127.0.0.1:%d/' % w.port), 'discovery: ' + name)
        # Every method that it names is there: nothing answers that the path is none.
        missing = [m for m in methods(document) if 'no such method' in probe(w, m) or 'Method not found' in probe(w, m)]
        equal(missing, [], 'discovery: its methods are there')
    equal(send(w, 'GET', '/$discovery/rest?version=v9')[0], 404, 'discovery: no other version')


def methods(node):
    found = [(m['httpMethod'], m['flatPath']) for m in node.get('methods', {}).values()]
    for below in node.get('resources', {}).values():
        found += methods(below)
    return found


def probe(w, method):
    path = '/' + '/'.join(p if not p.startswith('{') else 'nothing' + p[p.index('}') + 1:] for p in method[1].split('/'))
    return send(w, method[0], path, None if method[0] in ('GET', 'DELETE') else b'{}')[2].decode()


def notifications(w):
    topic, subscription = 'projects/p/topics/news', '/v1/projects/p/subscriptions/news'
    w.rest.expect('PUT', '/v1/' + topic, {})
    w.rest.expect('PUT', subscription, {'topic': topic})
    w.rest.expect('PATCH', STORE + '?updateMask=notificationConfigs',
                  {'notificationConfigs': [{'pubsubTopic': topic, 'filter': 'message_type = "ORU" OR send_facility = "B"'}]})

    def pull():
        return w.rest.expect('POST', subscription + ':pull', {'maxMessages': 10, 'returnImmediately': True}).get('receivedMessages', [])
    began = time.monotonic()
    name = w.rest.expect('POST', STORE + '/messages:ingest', json.loads(message(ADT % 10)))['message']['name']
    got = wait_for('the notification', pull, 10)
    took = time.monotonic() - began
    check(took < 1, 'a notification within a second', took)
    equal([(base64.b64decode(r['message']['data']).decode(), r['message']['attributes']) for r in got],
          [(name, {'msgType': 'ADT'})], 'its data is the name, its attribute the type')
    w.rest.expect('POST', subscription + ':acknowledge', {'ackIds': [r['ackId'] for r in got]})
    w.rest.expect('POST', STORE + '/messages:ingest', json.loads(message(ADT % 10)))
    w.rest.expect('POST', STORE + '/messages', json.loads(message(ADT % 10)))
    w.rest.expect('POST', STORE + '/messages', json.loads(message((ADT % 11).replace(b'|B|', b'|X|'))))
    w.rest.expect('POST', STORE + '/messages', json.loads(message(ADT % 12)))
    got = wait_for('the next notification', pull, 10)
    equal([base64.b64decode(r['message']['data']).decode().split('/')[-1] for r in got], [message_id(ADT % 12)],
          'none for a duplicate, none that the filter leaves out')


def export_cut_short(w, top):
    messages = generated(400)
    in_threads(lambda m: w.rest.expect('POST', STORE + '/messages', json.loads(message(m))), messages)
    os.makedirs(os.path.join(top, 'bucket'), exist_ok=True)
    names, out = [], os.path.join(top, 'bucket', 'out')
    for _ in range(20):
        names.append(w.rest.expect('POST', STORE + ':export',
                                   {'endTime': LATE, 'gcsDestination': {'uriPrefix': 'gs://bucket/out'}})['name'])
    w.kill_cloud()
    codes = set()
    for name in names:
        done = wait_for('the operation to be done', lambda: (lambda o: o if o.get('done') else None)(w.rest.expect('GET', '/v1/' + name)))
        codes.add(done.get('error', {}).get('code', 0))
        file = os.path.join(out, 'hl7v2-messages-%s.ndjson' % name.split('/')[-1])
        if 'response' in done:
            with open(file) as f:
                lines = [json.loads(line) for line in f]
            if len(lines) != int(done['metadata']['counter']['success']):
                check(False, 'an export that is done has its file')
    note('after the kill the 20 exports ended with %s' % sorted(codes))
    check(codes <= {0, 10}, 'an export that a kill cut short is ABORTED, the others are done', codes)
    whole = [f for f in os.listdir(out) if f.endswith('.ndjson')] if os.path.exists(out) else []
    broken = 0
    for f in whole:
        with open(os.path.join(out, f)) as lines:
            broken += sum(not line.endswith('}\n') for line in lines)
    equal(broken, 0, 'a file that is there is whole')
    begun = w.rest.expect('POST', STORE + ':export', {'endTime': LATE, 'gcsDestination': {'uriPrefix': 'gs://bucket/again'}})['name']
    wait_for('the export', lambda: w.rest.expect('GET', '/v1/' + begun).get('done'))
    w.rest.expect('POST', DATASET + '/hl7V2Stores?hl7V2StoreId=copy', {})
    begun = w.rest.expect('POST', DATASET + '/hl7V2Stores/copy:import', {'gcsSource': {'uri': 'gs://bucket/again/**.ndjson'}})['name']
    wait_for('the import', lambda: w.rest.expect('GET', '/v1/' + begun).get('done'))

    def all_of(store):
        return {m['name'].split('/')[-1]: m['data'] for m in
                w.rest.expect('GET', '%s/hl7V2Stores/%s/messages?view=RAW_ONLY&pageSize=1000' % (DATASET, store))['hl7V2Messages']}
    equal(all_of('copy'), all_of('s'), 'an import of an export is the same store')


with story(), tempfile.TemporaryDirectory() as top, W.World(cloud_args=['--gcs-folder', top]) as w:
    w.rest.expect('POST', DATASET.rsplit('/', 1)[0] + '?datasetId=w', {})
    w.rest.expect('POST', DATASET + '/hl7V2Stores?hl7V2StoreId=s', {})
    requests_in_every_form(w)
    replies_in_every_form(w)
    documents(w)
    notifications(w)
    export_cut_short(w, top)
