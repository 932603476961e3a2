#!/usr/bin/env python3
"""Negates the conditions of src/relay/*.c one at a time and asks whether the unit tests or the simulator notice.

  tests/sim/negate.py                     all of them: about half an hour on two quiet cores
  tests/sim/negate.py --sample 20         twenty, the same ones each time (--seed N: others)
  tests/sim/negate.py --file lane.c       those of one file

Prints each condition that nobody misses, and the share of those that were caught; below --aim (in per cent) it fails.
What survives is not always a hole: some conditions only save work. Each survivor is worth a look.
"""
import argparse
import concurrent.futures
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RELAY = os.path.join(TOP, 'src/relay')
FLAGS = ['-std=gnu11', '-O1', '-w', '-D_GNU_SOURCE', '-DHL7RELAY_VERSION="0"', '-I' + os.path.join(TOP, 'src'), '-I' + os.path.join(TOP, 'tests/unit')]
LOGIC = re.compile(r'&&|\|\||==|!=|<=|>=|[^-<]>|<[^<]')


def blank(text):
    """Comments and strings as spaces: positions stay."""
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', lambda m: re.sub(r'[^\n]', ' ', m.group(0)), text, flags=re.S)


def closing(code, start):
    depth = 0
    for i in range(start, len(code)):
        depth += (code[i] == '(') - (code[i] == ')')
        if depth == 0:
            return i
    raise ValueError('unbalanced')


def conditions(name):
    """(file, from, to) of each condition: of if, while and for, and what is returned where it decides something."""
    with open(os.path.join(RELAY, name)) as f:
        code = blank(f.read())
    found = []
    for m in re.finditer(r'\b(if|while)\s*\(', code):
        found.append((name, m.end(), closing(code, m.end() - 1)))
    for m in re.finditer(r'\bfor\s*\(', code):
        inside = code[m.end():closing(code, m.end() - 1)].split(';')
        if len(inside) == 3 and inside[1].strip():
            begin = m.end() + len(inside[0]) + 1
            found.append((name, begin, begin + len(inside[1])))
    for m in re.finditer(r'\breturn\b([^;?]*);', code):
        if LOGIC.search(m.group(1)):
            found.append((name, m.start(1), m.end(1)))
    return sorted(c for c in found if not re.fullmatch(r'\s*MUTANT\(\w+\)\s*', code[c[1]:c[2]]))


def run(argv, seconds, cwd=None):
    """True: it ended with 0 in time."""
    try:
        return subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds, cwd=cwd, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def compile_c(source, out, *more):
    subprocess.run(['cc', *FLAGS, *more, '-c', source, '-o', out], check=True)


class Bench:
    """Everything built once; for each mutant one file is compiled and the programs are linked anew."""

    def __init__(self, build, seeds):
        self.dir = tempfile.mkdtemp(prefix='hl7relay-negate-')
        self.seeds = seeds
        self.libs = [os.path.join(build, 'src/base/libbase.a'), '-lcrypto', '-lm', '-lpthread']
        self.relay = sorted(n for n in os.listdir(RELAY) if n.endswith('.c'))
        self.units = sorted(n for n in os.listdir(os.path.join(TOP, 'tests/unit/relay')) if n.startswith('test_') and n.endswith('.c'))
        self.sims = sorted(n for n in os.listdir(os.path.join(TOP, 'tests/sim')) if n.endswith('.c') and n != 'engine_cost.c')
        jobs = [(os.path.join(RELAY, n), self.object('plain', n), ()) for n in self.relay]
        jobs += [(os.path.join(RELAY, n), self.object('mutants', n), ('-DRELAY_MUTANTS',)) for n in self.relay]
        jobs += [(os.path.join(TOP, 'tests/unit/relay', n), self.object('unit', n), ()) for n in self.units]
        jobs += [(os.path.join(TOP, 'tests/sim', n), self.object('sim', n), ('-DRELAY_MUTANTS',)) for n in self.sims]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda j: compile_c(j[0], j[1], *j[2]), jobs))

    def object(self, kind, name):
        return os.path.join(self.dir, '%s-%s.o' % (kind, name))

    def link(self, where, out, objects, *libs):
        subprocess.run(['cc', *objects, *self.libs, *libs, '-o', os.path.join(where, out)], check=True)
        return os.path.join(where, out)

    def is_caught(self, name, text):
        where = tempfile.mkdtemp(dir=self.dir)
        try:
            source = os.path.join(where, name)
            with open(source, 'w') as f:
                f.write(text)
            mutant = os.path.join(where, 'mutant.o')
            compile_c(source, mutant)
            relay = [mutant if n == name else self.object('plain', n) for n in self.relay]
            for unit in self.units:
                if not run([self.link(where, unit[:-2], [self.object('unit', unit), *relay], '-lcmocka')], 20):
                    return unit[:-2]
            compile_c(source, mutant, '-DRELAY_MUTANTS')
            relay = [mutant if n == name else self.object('mutants', n) for n in self.relay]
            sim = self.link(where, 'hl7sim', [self.object('sim', n) for n in self.sims] + relay)
            return None if run([sim, '--seed', '1', '--seeds', str(self.seeds)], 120) else 'simulator'
        finally:
            shutil.rmtree(where)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('--build', default=os.path.join(TOP, 'build'))
    args.add_argument('--file')
    args.add_argument('--sample', type=int, default=0)
    args.add_argument('--seed', type=int, default=1)
    args.add_argument('--seeds', type=int, default=300, help='of the simulator, for each mutant')
    args.add_argument('--aim', type=float, default=0)
    args.add_argument('--jobs', type=int, default=os.cpu_count())
    args = args.parse_args()
    bench = Bench(args.build, args.seeds)
    todo = [c for n in bench.relay if args.file in (None, n) for c in conditions(n)]
    if args.sample:
        todo = sorted(random.Random(args.seed).sample(todo, min(args.sample, len(todo))))
    with open(os.path.join(RELAY, bench.relay[0])) as f:    # else everything would count as caught
        by = bench.is_caught(bench.relay[0], f.read())
    if by is not None:
        sys.exit('negate: without any change %s fails' % by)

    def judge(condition):
        name, begin, end = condition
        with open(os.path.join(RELAY, name)) as f:
            text = f.read()
        by = bench.is_caught(name, text[:begin] + '!(' + text[begin:end] + ')' + text[end:])
        if by is None:
            print('survives: src/relay/%s:%d: %s' % (name, text.count('\n', 0, begin) + 1, ' '.join(text[begin:end].split())), flush=True)
        return by

    try:
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            caught = list(pool.map(judge, todo))
    finally:
        shutil.rmtree(bench.dir)
    count = sum(by is not None for by in caught)
    share = 100.0 * count / max(len(todo), 1)
    print('%d conditions negated, %d caught (%.1f %%): %d by unit tests, %d by the simulator alone' % (
        len(todo), count, share, sum(by not in (None, 'simulator') for by in caught), caught.count('simulator')))
    return 0 if share >= args.aim else 1


if __name__ == '__main__':
    sys.exit(main())
