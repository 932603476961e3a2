"""The relay between Google's clients: they make the messages and look at what came out, byte for byte."""
import base64
import json
import os
import signal
import subprocess
import tempfile

from cases import HOST, Stream, case, equal, is_empty, make_subscription, publish, pull, true, wait_for
from hospital import ENDPOINT, create, hl7, make_store, message_id, messages


def listed(store):
    got, request = {}, messages.list(parent=store, view='RAW_ONLY', pageSize=100)
    while request is not None:
        page = request.execute()
        got.update({m['name'].split('/')[-1]: m['data'] for m in page.get('hl7V2Messages', [])})
        request = messages.list_next(request, page)
    return got


@case('relay: messages and notifications by Google\'s clients, copies compared, the subscription empty', first=True)
def relay():
    topic, name = make_subscription(ack_deadline_seconds=10)
    source, destination = make_store(notificationConfigs=[{'pubsubTopic': topic}]), make_store()
    elsewhere = make_store()
    bodies = [hl7('relay-%d' % n, more='OBX|1|TX|N||%s\r' % ('\u00e9\\F\\' * (n % 60))) for n in range(200)]
    for body in bodies[:100]:
        create(source, body)
    publish(topic, b'projects/nobody knows', (source + '/messages/none').encode())
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'config.json')
        os.mkdir(os.path.join(folder, 'state'))
        with open(path, 'w') as f:
            json.dump({
                'project_id': 'python', 'region': 'us-central1', 'source_hl7v2_store': source,
                'dest_hl7v2_store': destination, 'pubsub_subscription': name, 'pubsub_endpoint': 'http://' + HOST,
                'healthcare_endpoint': ENDPOINT, 'dead_letter': {'sink': 'file://' + os.path.join(folder, 'dead')},
                'state_dir': os.path.join(folder, 'state'), 'status_listen': '127.0.0.1:0'}, f)
        env = {k: v for k, v in os.environ.items() if not k.startswith(('PUBSUB_', 'HEALTHCARE'))}
        with open(os.path.join(folder, 'log'), 'wb') as log:
            process = subprocess.Popen([os.environ['HL7RELAY'], 'run', '--config_path', path], env=env,
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            for body in bodies[100:]:
                create(source, body)
            wait_for('an empty subscription', lambda: is_empty(name), 90)
            equal(process.poll(), None, 'the relay lives')
            process.send_signal(signal.SIGTERM)
            equal(process.wait(60), 0, 'its exit code')
        finally:
            process.kill()
    copies = listed(destination)
    equal(set(copies), {message_id(b) for b in bodies}, 'what is there')
    for body in bodies:
        true(base64.b64decode(copies[message_id(body)]) == body, 'a copy differs')
    equal(pull(name), [])
    equal(listed(elsewhere), {})
    with Stream(name) as stream:
        create(source, bodies[0])
        equal(stream.got, [], 'a duplicate is not announced')
