#!/usr/bin/env python3
"""The container image made without a daemon: its digests are right, the same build gives the same bytes, and the program in it
runs on nothing but what the image holds."""
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile

import lib  # noqa: F401
import world as W
from tap import check, equal, skip, story

SANITIZED = 'asan' in W.binary()


def build(folder, target, name):
    out = os.path.join(folder, name)
    done = subprocess.run([os.path.join(W.TOP, 'deploy/oci-image'), '--target', target, '--program', W.binary(), '--out', out],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout.decode())
    with open(out, 'rb') as f:
        return f.read()


def blob(tar, described):
    raw = tar.extractfile('blobs/sha256/' + described['digest'].split(':')[1]).read()
    equal(('sha256:' + hashlib.sha256(raw).hexdigest(), len(raw)), (described['digest'], described['size']),
          'digest and size of %s' % described['mediaType'].rsplit('.', 1)[-1])
    return raw


def look(raw, entry):
    """The root's tar."""
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        equal(json.loads(tar.extractfile('oci-layout').read()), {'imageLayoutVersion': '1.0.0'}, 'it is an OCI layout')
        manifest = json.loads(blob(tar, json.loads(tar.extractfile('index.json').read())['manifests'][0]))
        config = json.loads(blob(tar, manifest['config']))
        layer = gzip.decompress(blob(tar, manifest['layers'][0]))
        equal(config['rootfs']['diff_ids'], ['sha256:' + hashlib.sha256(layer).hexdigest()], 'the digest of the layer')
        equal((config['config']['Entrypoint'], config['config']['User']), (entry, '65532:65532'), 'entry point and user')
        docker = json.loads(tar.extractfile('manifest.json').read())[0]
        check(all(n in tar.getnames() for n in [docker['Config'], *docker['Layers']]), '`docker load` finds its parts')
        return layer


with story(), tempfile.TemporaryDirectory(prefix='hl7relay-image-') as folder:
    first = build(folder, 'beam-worker', 'a.tar')
    equal(build(folder, 'beam-worker', 'b.tar'), first, 'the same build gives the same bytes')
    look(build(folder, 'relay', 'c.tar'), ['/usr/bin/hl7relay'])
    layer = look(first, ['/usr/bin/hl7relay', 'beam-worker'])
    root = os.path.join(folder, 'root')
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        names = tar.getnames()
        tar.extractall(root)
    check('etc/ssl/certs/ca-certificates.crt' in names, 'certificate authorities are in it')
    check(not any(n.endswith(('/sh', '/bash')) for n in names), 'a shell is not')
    if os.geteuid() != 0 or SANITIZED:
        skip('the program runs in its image', 'chroot is for root, and not for a build with sanitizers')
    else:
        def inside(*args):
            done = subprocess.run(['chroot', '--userspec=65532:65532', root, '/usr/bin/hl7relay', *args],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={'PATH': '/usr/bin:/usr/sbin:/sbin:/bin'}, check=False)
            return done.returncode, done.stdout.decode()
        code, out = inside('version')
        check(code == 0 and out.startswith('hl7relay '), 'the program runs in its image', out)
        code, out = inside('beam-worker', '--id=1', '--provision_endpoint=localhost:1')
        check(code != 0 and 'Connection refused' in out, 'the worker resolves localhost there', out)
