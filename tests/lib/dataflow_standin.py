"""Cloud Storage's upload and Dataflow's jobs (v1b3), as strict as their documents: what these do not allow is answered 400 and
noted in `faults`, so that a story can ask that there were none.

with Standin(tls=folder) as s: ...    s.url, s.jobs, s.objects, s.calls, s.faults; s.answer(match, status, ...) plays an error.
"""
import http.server
import json
import re
import ssl
import subprocess
import threading
import urllib.parse

import beam_proto

TOKEN = 'a-token-of-the-test'
PROJECT, REGION = 'my-project', 'us-central1'
JOBS = '/v1b3/projects/%s/locations/%s/jobs' % (PROJECT, REGION)
STATUS = {400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 409: 'ALREADY_EXISTS',
          412: 'FAILED_PRECONDITION', 429: 'RESOURCE_EXHAUSTED', 500: 'INTERNAL', 503: 'UNAVAILABLE'}
ENDS = {'JOB_STATE_DONE', 'JOB_STATE_FAILED', 'JOB_STATE_CANCELLED', 'JOB_STATE_DRAINED', 'JOB_STATE_UPDATED'}

# What a job request may hold (reference of v1b3's Job, Environment, WorkerPool), as far as ours goes.
JOB = {'name': str, 'type': str, 'clientRequestId': str, 'labels': dict, 'environment': dict}
ENVIRONMENT = {'userAgent': dict, 'version': dict, 'clusterManagerApiService': str, 'dataset': str, 'tempStoragePrefix': str,
               'serviceAccountEmail': str, 'serviceKmsKeyName': str, 'experiments': list, 'serviceOptions': list,
               'sdkPipelineOptions': dict, 'workerPools': list}
POOL = {'kind': str, 'numWorkers': int, 'machineType': str, 'diskSizeGb': int, 'autoscalingSettings': dict, 'dataDisks': list,
        'ipConfiguration': str, 'network': str, 'subnetwork': str, 'taskrunnerSettings': dict, 'sdkHarnessContainerImages': list,
        'workerHarnessContainerImage': str}


class Refused(Exception):
    pass


def demand(ok, why):
    if not ok:
        raise Refused(why)


def demand_fields(value, table, where):
    demand(isinstance(value, dict), where + ' is no object')
    for key, item in value.items():
        demand(key in table, 'Invalid JSON payload received. Unknown name "%s" at %s' % (key, where))
        demand(type(item) is table[key], '%s.%s is of the wrong type' % (where, key))


def certificate(folder):
    """A key and a certificate for 127.0.0.1, signed by itself."""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
                    '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', folder + '/key.pem', '-out', folder + '/cert.pem'],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder + '/cert.pem', folder + '/key.pem'


class Standin:
    def __init__(self, tls=None):
        self.jobs, self.objects, self.calls, self.faults, self.played = {}, {}, [], [], []
        self.lock = threading.Lock()
        self.buckets = {'my-bucket'}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *args):
                pass

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                with outer.lock:
                    status, reply = outer.handle(self.command, self.path, self.headers, body)
                raw = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
                self.send_response(status)
                self.send_header('Content-Type', 'application/json; charset=UTF-8')
                self.send_header('Content-Length', str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_PUT = handle_one

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.tls = tls
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate(tls))
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = '%s://127.0.0.1:%d' % ('https' if tls else 'http', self.server.server_address[1])

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *args):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method, match, status, times=1, body=None):
        """The next `times` calls like this are answered so, and not looked at further."""
        self.played.append([method, match, status, times, body])

    def settle(self, state):
        """Every job that has not ended is in this state from now on."""
        for job in self.jobs.values():
            if job['currentState'] not in ENDS:
                job['currentState'] = state

    # ---- answers ----

    def error(self, status, message):
        return status, {'error': {'code': status, 'message': message, 'status': STATUS.get(status, 'UNKNOWN'),
                                  'errors': [{'message': message, 'domain': 'global', 'reason': 'test'}]}}

    def handle(self, method, path, headers, body):
        self.calls.append('%s %s' % (method, path))
        for play in self.played:
            if play[0] == method and play[3] > 0 and re.search(play[1], path):
                play[3] -= 1
                return (play[2], play[4]) if play[4] is not None else self.error(play[2], 'played by the test')
        try:
            bearer = headers.get('Authorization')
            if self.tls and bearer != 'Bearer ' + TOKEN:
                return self.error(401, 'Request had invalid authentication credentials.')
            demand(self.tls or bearer is None, 'a token came over clear text')
            url = urllib.parse.urlsplit(path)
            query = urllib.parse.parse_qs(url.query, strict_parsing=True) if url.query else {}
            if url.path.startswith('/upload/'):
                return self.upload(method, url.path, query, headers, body)
            return self.dataflow(method, url.path, query, headers, body)
        except Refused as fault:
            self.faults.append('%s %s: %s' % (method, path, fault))
            return self.error(400, str(fault))

    def upload(self, method, path, query, headers, body):
        m = re.fullmatch(r'/upload/storage/v1/b/([^/]+)/o', path)
        demand(m and method == 'POST', 'no such method of Cloud Storage')
        demand(query.get('uploadType') == ['media'] and len(query.get('name', [])) == 1, 'uploadType=media and name are needed')
        demand(headers.get('Content-Type') == 'application/octet-stream', 'the content type')
        if m.group(1) not in self.buckets:
            return self.error(404, 'The specified bucket does not exist.')
        self.objects['gs://%s/%s' % (m.group(1), query['name'][0])] = body
        return 200, {'kind': 'storage#object', 'bucket': m.group(1), 'name': query['name'][0], 'size': str(len(body))}

    def dataflow(self, method, path, query, headers, body):
        demand(headers.get('x-goog-request-params') == 'project_id=%s&location=%s' % (PROJECT, REGION), 'x-goog-request-params')
        demand(path == JOBS or path.startswith(JOBS + '/'), 'no such method of Dataflow')
        rest = path[len(JOBS) + 1:].split('/') if path != JOBS else []
        if body:
            demand(headers.get('Content-Type') == 'application/json', 'the content type')
        if not rest:
            demand(method in ('GET', 'POST'), 'no such method of Dataflow')
            return self.create(json.loads(body)) if method == 'POST' else self.list(query)
        job = self.jobs.get(rest[0])
        if job is None:
            return self.error(404, '(1234): Information about job %s could not be found in our system.' % rest[0])
        if method == 'PUT' and len(rest) == 1:
            return self.update(job, json.loads(body))
        demand(method == 'GET' and not body, 'no such method of Dataflow')
        if rest[1:] == ['messages']:
            demand(query.get('minimumImportance') == ['JOB_MESSAGE_BASIC'], 'minimumImportance')
            start = query.get('startTime', [''])[0]
            return 200, {'jobMessages': [m for m in job['test']['messages'] if m['time'] >= start]}
        if rest[1:] == ['metrics']:
            return 200, {'metrics': job['test']['metrics'], 'metricTime': '2026-01-01T00:00:00Z'}
        demand(len(rest) == 1, 'no such method of Dataflow')
        return 200, self.shown(job)

    def shown(self, job):
        return {k: v for k, v in job.items() if k != 'test'}

    def list(self, query):
        demand(query.get('filter') in (['ALL'], ['ACTIVE'], ['TERMINATED']), 'filter')
        all_jobs = [self.shown(j) for j in self.jobs.values()]
        at = int(query.get('pageToken', ['0'])[0])    # pages of two: whoever lists must follow the token
        page = {'jobs': all_jobs[at:at + 2]}
        if at + 2 < len(all_jobs):
            page['nextPageToken'] = str(at + 2)
        return 200, page if page['jobs'] else {}

    def create(self, request):
        demand_fields(request, JOB, 'job')
        demand(request.get('type') == 'JOB_TYPE_STREAMING', 'type')
        demand(re.fullmatch(r'[a-z]([-a-z0-9]{0,1022}[a-z0-9])?', request['name']), 'name')
        demand(request.get('clientRequestId'), 'clientRequestId')
        environment = request['environment']
        demand_fields(environment, ENVIRONMENT, 'job.environment')
        demand(environment['version'] == {'job_type': 'FNAPI_STREAMING', 'major': '8'}, 'version')
        demand(re.fullmatch(r'\d+\.\d+\.\d+', environment['userAgent']['version']), 'userAgent.version')
        demand(re.fullmatch(r'storage\.googleapis\.com/[^/]+/.+', environment['tempStoragePrefix']), 'tempStoragePrefix')
        for word in ('use_runner_v2', 'use_unified_worker', 'use_portable_job_submission', 'beam_fn_api', 'enable_streaming_engine'):
            demand(word in environment['experiments'], 'experiment ' + word)
        options = environment['sdkPipelineOptions']['options']
        staged = self.objects.get(options['pipelineUrl'])
        demand(staged is not None, 'pipelineUrl names no object')
        self.check_pipeline(beam_proto.pipeline(staged))
        demand(len(environment['workerPools']) == 1, 'workerPools')
        pool = environment['workerPools'][0]
        demand_fields(pool, POOL, 'job.environment.workerPools[0]')
        demand(pool['kind'] == 'harness' and pool['numWorkers'] <= pool['autoscalingSettings']['maxNumWorkers'], 'numWorkers')
        demand(pool['sdkHarnessContainerImages'][0]['containerImage'] == pool['workerHarnessContainerImage'], 'images differ')
        for job in self.jobs.values():
            if job['name'] == request['name'] and job['currentState'] not in ENDS:
                return 200, self.shown(job)    # the running one: the caller must see that it is not its own
        job_id = '2026-01-01_00_00_0%d-1234567890' % len(self.jobs)
        self.jobs[job_id] = {
            'id': job_id, 'projectId': PROJECT, 'location': REGION, 'name': request['name'], 'type': request['type'],
            'clientRequestId': request['clientRequestId'], 'currentState': 'JOB_STATE_PENDING', 'test': {'messages': [], 'metrics': []}}
        return 200, self.shown(self.jobs[job_id])

    @staticmethod
    def check_pipeline(p):
        transforms = p['components']['transforms']
        demand(sorted(p['root_transform_ids']) == sorted(transforms), 'root transforms')
        for name, t in transforms.items():
            demand(t.get('environment_id') in p['components']['environments'], 'environment of ' + name)
            for collection in list(t.get('inputs', {}).values()) + list(t.get('outputs', {}).values()):
                demand(collection in p['components']['pcollections'], 'collection of ' + name)

    def update(self, job, request):
        demand(set(request) == {'requestedState'}, 'jobs.update takes requestedState alone')
        wanted = request['requestedState']
        demand(wanted in ('JOB_STATE_CANCELLED', 'JOB_STATE_DRAINING', 'JOB_STATE_DONE'), 'requestedState')
        if job['currentState'] in ENDS:
            return self.error(400, '(1234): Cannot change the state of job %s: it has ended.' % job['id'])
        job['currentState'] = 'JOB_STATE_CANCELLING' if wanted == 'JOB_STATE_CANCELLED' else wanted
        job['requestedState'] = wanted
        return 200, self.shown(job)
